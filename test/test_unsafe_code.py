"""The ruff rules of this project refuse code that executes what it reads, or starts a shell."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RUFF = Path(sys.executable).with_name("ruff")

UNSAFE = [
    "import torch\ntorch.load(path)",
    "import torch\ntorch.load(path, weights_only=False)",
    "from torch import load",
    "import torch\ntorch.jit.load(path)",
    "import pickle\npickle.loads(data)",
    "import pickle\nload = pickle.load",
    "from pickle import loads",
    "import dill",
    "import shelve",
    "eval(text)",
    "exec(text)",
    "import yaml\nyaml.load(text, Loader=yaml.Loader)",
    "import yaml\nyaml.unsafe_load(text)",
    "import subprocess\nsubprocess.run(text, shell=True)",
    "import subprocess\nsubprocess.getoutput(text)",
    "import os\nos.system(text)",
    "import numpy\nnumpy.load(path, allow_pickle=True)",
]
SAFE = [
    "",
    "model.eval()",
    "import yaml\nyaml.safe_load(text)",
    "import subprocess\nsubprocess.run(['/bin/ls', '-l'], check=True)",
    "import pickle\ntry:\n    text.open()\nexcept pickle.UnpicklingError:\n    raise",
]


def refused(folder: Path, codes: list[str]) -> list[int]:
    """The numbers of those among ``codes`` that a rule against unsafe code refuses."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for number, code in enumerate(codes):
        (folder / f"{number}.py").write_text(code + "\n", encoding="utf-8")
    done = subprocess.run(
        [RUFF, "check", "--no-cache", "--output-format", "json", folder],
        capture_output=True,
        text=True,
    )
    findings = json.loads(done.stdout)
    return sorted(
        {int(Path(each["filename"]).stem) for each in findings if each["code"][0] in "ST"}
    )


@pytest.mark.skipif(not RUFF.exists(), reason="ruff is not installed")
def test_d8_l2_the_rules_refuse_unsafe_code_and_let_safe_code_pass(tmp_path: Path) -> None:
    assert refused(tmp_path, UNSAFE + SAFE) == list(range(len(UNSAFE)))
