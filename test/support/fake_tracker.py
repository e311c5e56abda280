"""The tracker node as a process, with the fake engine: `python test/support/fake_tracker.py`.

The first argument may be a script for the engine, such as `hang`, which begins with its second
search: the first one warms it up where max_targets is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "test")]

from support.fake_engine import FakeEngine  # noqa: E402

from siammask_ros.ros.nodes.tracker import main  # noqa: E402

if __name__ == "__main__":
    action = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ok"
    sys.exit(main(sys.argv, lambda config: FakeEngine(["ok", action])))
