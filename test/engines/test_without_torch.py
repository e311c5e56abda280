"""Where OpenVINO or onnxruntime runs the network, PyTorch is not even imported."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.moving_square import picture, square_box
from support.random_network import random_weights

ROOT = Path(__file__).parents[2]

# Tracks two targets, and one that was saved, over a few frames; prints what was found, and whether
# PyTorch was imported.
TRACKING = """
import json, sys
from support.moving_square import picture, square_box
from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

tracker = Tracker(open_engine(EngineConfig(**json.loads(sys.argv[1]))), find_preset("lite"))
states = tracker.start(picture(0), [square_box(0)] * 2)
states.append(tracker.resume(tracker.save(states[0]), picture(0)))
for index in range(1, 4):
    results, states = tracker.step(picture(index), states)
boxes = [result.box_xywh for result in results]
print(json.dumps({"boxes": boxes, "torch": "torch" in sys.modules}))
"""


def run(code: str, cache: Path, *arguments: str) -> str:
    """What a process of its own prints."""
    paths = f"{ROOT}:{ROOT / 'test'}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "SIAMMASK_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def required(engine: str) -> None:
    """Skips where the engine is not installed."""
    for name in (engine, *(["onnx"] if engine == "onnxruntime" else [])):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize(
    ("engine", "precision", "checkpoint"),
    [
        ("openvino", "auto", "shipped"),
        ("openvino", "fp32", "given"),
        ("openvino", "int8", "shipped"),
        ("onnxruntime", "auto", "shipped"),
    ],
)
def test_from_a_warm_cache_targets_are_tracked_without_torch_and_as_from_a_cold_one(
    engine: str, precision: str, checkpoint: str, tmp_path: Path
) -> None:
    required(engine)
    weights = "" if checkpoint == "shipped" else str(random_weights(tmp_path))
    config = {"engine": engine, "device": "cpu", "precision": precision, "checkpoint": weights}
    cold, warm = (
        json.loads(run(TRACKING, tmp_path / "cache", json.dumps(config))) for _ in range(2)
    )
    assert cold["torch"], "the first time something has to be made of the weights"
    assert not warm["torch"]
    assert warm["boxes"] == cold["boxes"]


def test_siammask_track_runs_without_torch_from_a_warm_cache(tmp_path: Path) -> None:
    required("openvino")
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(3):
        cv2.imwrite(str(frames / f"{index:05}.png"), picture(index))
    box = square_box(0)
    x, y = box.x - box.width / 2, box.y - box.height / 2
    code = (
        "import sys; from siammask_ros.cli import main; code = main(sys.argv[1:]);"
        "print('torch' in sys.modules, code)"
    )
    options = ["--box", f"{x},{y},{box.width},{box.height}", "--engine", "openvino"]
    last = ""
    for number in range(2):
        out = str(tmp_path / f"{number}.jsonl")
        arguments = ("track", str(frames), *options, "--device", "cpu", "--json", out)
        last = run(code, tmp_path / "cache", *arguments)
    assert last.splitlines()[-1] == "False 0"
    lines = (tmp_path / "1.jsonl").read_text().splitlines()
    assert len(lines) >= 2
    assert lines == (tmp_path / "0.jsonl").read_text().splitlines()


@pytest.mark.parametrize(
    "module",
    [
        "ros.nodes.tracker",
        "ros.nodes.player",
        "ros.nodes.recorder",
        "ros.nodes.follower",
        "ros.nodes.dashboard",
        "cli",
    ],
)
def test_no_node_and_no_command_imports_torch_by_itself(module: str, tmp_path: Path) -> None:
    code = f"import sys, siammask_ros.{module}; print('torch' in sys.modules)"
    assert run(code, tmp_path).splitlines()[-1] == "False"


def test_auto_asks_torch_for_a_gpu_only_where_a_driver_is(tmp_path: Path) -> None:
    code = (
        "import sys; from siammask_ros.engines import cuda_devices;"
        "cuda_devices.has_driver = lambda: sys.argv[1] == 'driver';"
        "print(cuda_devices.find_device('auto')[0], 'torch' in sys.modules)"
    )
    assert run(code, tmp_path, "none").split() == ["cpu", "False"]
    assert run(code, tmp_path, "driver").split()[1] == "True"
