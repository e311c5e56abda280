"""What bench/gpu.sh runs, as far as it goes without a GPU."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "bench" / "gpu.sh"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_frame_is_measured_in_every_layout(layout: str) -> None:
    frames = load("gpu_frames")
    found = frames.measure(torch.device("cpu"), "lite", "fp32", layout, True, False, 1)
    assert found["ms"] > 0


def test_a_training_step_is_measured_on_drawn_data() -> None:
    command = [sys.executable, "bench/gpu_training.py", "--steps", "1", "--batch", "2"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "pairs trained a second, optimized: " in said.stdout


def test_the_parts_take_at_most_eight_minutes() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    limits_s = [int(line.split()[2]) for line in lines if line.startswith("part ")]
    assert len(limits_s) == 4
    assert sum(limits_s) <= 8 * 60


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="make setup was not run")
def test_without_a_gpu_the_script_says_what_to_do(tmp_path: Path) -> None:
    said = subprocess.run(
        [str(SCRIPT), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    assert said.returncode == 3
    assert "can use no GPU here; run: TORCH=cuda make setup" in said.stderr
    assert not (tmp_path / "out").exists()
