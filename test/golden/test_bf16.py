"""How far half precision takes a step of the shipped network from single precision (fault C9).

Both steps start from the same state: over many frames even a small difference moves the crop, and
two tracks part without either being worse.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.golden_data import golden_arrays, golden_file

from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.model.weights_file import SHIPPED
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker

# Measured: IoU 0.990 at worst and 0.995 on average, centre 0.8 px, size 0.6 px of 133×293.
LEAST_IOU, MEAN_IOU, PIXELS, SCORE = 0.97, 0.99, 3.0, 0.01

Step = tuple[list[TargetResult], list[TargetState]]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return sorted(golden_file("tennis").glob("*.jpg"))[:15]


def lite_tracker(precision: str) -> Tracker:
    openvino_rt = pytest.importorskip("siammask_ros.engines.openvino_rt")
    if not openvino_rt.has_native_bf16():
        pytest.skip("this CPU does not compute in bfloat16")
    if not SHIPPED["lite"].exists():
        pytest.skip(f"{SHIPPED['lite'].name} is not in this checkout")
    config = EngineConfig(device="cpu", engine="openvino", precision=precision)
    return Tracker(open_engine(config), PRESETS["lite"])


def test_c9_bf16_agrees_with_fp32_in_every_step_within_its_bound(files: list[Path]) -> None:
    full, half = lite_tracker("fp32"), lite_tracker("bf16")
    first, *images = (cv2.imread(str(file)) for file in files)
    box = RotatedBox.from_xywh(tuple(golden_arrays("tennis_davis.npz")["box_xywh"]))
    (state,), (half_state,) = full.start(first, [box]), half.start(first, [box])
    overlaps = []
    for image in images:
        theirs = half.step(image, [replace(state, template=half_state.template)])
        ours = full.step(image, [state])
        overlaps.append(overlap(ours, theirs))
        assert (differences(ours, theirs) < np.array([PIXELS, PIXELS, SCORE])).all()
        (state,) = ours[1]
    assert min(overlaps) > LEAST_IOU
    assert np.mean(overlaps) > MEAN_IOU


def overlap(ours: Step, theirs: Step) -> float:
    one, other = (step[0][0].mask for step in (ours, theirs))
    assert one is not None and other is not None
    a, b = one.to_image_mask() > 0, other.to_image_mask() > 0
    return float(np.count_nonzero(a & b) / np.count_nonzero(a | b))


def differences(ours: Step, theirs: Step) -> np.ndarray:
    """Of centre and size in pixels, and of score."""
    (a,), (b,) = ours[1], theirs[1]
    center = np.abs(np.subtract(a.center_in_image, b.center_in_image)).max()
    size = np.abs(np.subtract(a.size, b.size)).max()
    return np.array([center, size, abs(ours[0][0].score - theirs[0][0].score)])
