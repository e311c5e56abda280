"""docs/parameters.md says what the nodes declare."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tools" / "parameters_page.py"


def test_the_page_of_parameters_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("parameters_page", SCRIPT)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.PAGE.read_text(encoding="utf-8") == made.build_page(), (
        "run: python3 tools/setup_env.py --run python tools/parameters_page.py"
    )
