"""The VOT toolkit itself drives the tracker over its own made-up sequence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from siammask_ros import cli

ROOT = Path(__file__).resolve().parents[4]
VOT = os.environ.get("SIAMMASK_VOT") or shutil.which("vot")
pytestmark = pytest.mark.skipif(
    VOT is None,
    reason="the VOT toolkit is not installed: give it a virtual environment of its own "
    "(docs/evaluation.md) and its program in SIAMMASK_VOT",
)
pytest.importorskip("trax", reason="TraX is not installed: pip install vot-trax")

THREADS = ["--threads", "1"]
STACK = """
title: one pass
experiments:
  baseline:
    type: unsupervised
    repetitions: 1
    analyses:
      - {type: average_accuracy, name: accuracy, burnin: 0, weighted: False}
"""
CONFIG = "registry: [./trackers.ini]\nstack: ./stack.yaml\nsequences: sequences\n"
TRACKER = f"""
[siammask]
protocol = trax
command = {sys.executable} -m siammask_ros.cli trax --region rectangle {" ".join(THREADS)}
env_PYTHONPATH = {ROOT}
timeout = 120
"""


def toolkit(workspace: Path, *arguments: str) -> str:
    """What a command of the toolkit prints; its dummy sequence and cache stay in the workspace."""
    environment = {
        **os.environ,
        "TMPDIR": str(workspace / "tmp"),
        "VOT_RESULTS_BINARY": "false",
        "MPLBACKEND": "agg",
    }
    # The toolkit is another environment's.
    environment.pop("PYTHONPATH", None)
    assert VOT
    command = [VOT, "--registry", "trackers.ini", *arguments]
    run = subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=400
    )
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-3000:]
    return said


def test_the_toolkit_gets_the_boxes_that_eval_box_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("trackers.ini", TRACKER), ("stack.yaml", STACK), ("config.yaml", CONFIG)):
        (tmp_path / name).write_text(text)
    (tmp_path / "tmp").mkdir()
    assert "Test concluded" in toolkit(tmp_path, "test", "siammask")
    (made_up,) = (tmp_path / "tmp").glob("vot_dummy_*")
    shutil.copytree(made_up, tmp_path / "sequences" / "dummy")
    (tmp_path / "sequences" / "list.txt").write_text("dummy\n")

    toolkit(tmp_path, "evaluate", "--workspace", ".", "siammask")
    toolkit(tmp_path, "analysis", "--workspace", ".", "--name", "one", "siammask")
    analysis = json.loads((tmp_path / "analysis" / "one.json").read_text())
    accuracy = np.ravel(analysis["results"]["baseline"]["results"])[0]
    assert accuracy > 0.8

    # The same sequence, in this process and without TraX.
    ours = tmp_path / "ours"
    command = ["eval", "box", str(tmp_path / "sequences"), "--out", str(ours), *THREADS]
    assert cli.main(command) == 0
    summary = json.loads((ours / "summary.json").read_text())
    overlaps = summary["trackers"][0]["sequences"][0]["overlap_by_frame"]
    # The toolkit counts whole pixels.
    assert np.mean(overlaps) == pytest.approx(accuracy, abs=0.02)
    lines = (ours / "boxes" / "lite" / "dummy.txt").read_text().splitlines()
    theirs = tmp_path / "results" / "siammask" / "baseline" / "dummy" / "dummy_001.txt"
    first, *rows = theirs.read_text().splitlines()
    assert first == "1", "started in the first frame"
    numbers = [[float(value) for value in row.split(",")] for row in rows]
    assert np.allclose(
        numbers, [[float(v) for v in line.split(",")] for line in lines[1:]], atol=0.01
    )
