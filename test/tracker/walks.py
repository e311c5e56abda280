"""Steps of a tracker that tests look at: one target under a script, three squares that move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from support.scripted_engine import ScriptedEngine

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker

HEIGHT, WIDTH = 120, 200
IMAGE = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
LATER = np.random.default_rng(2).integers(0, 100, (HEIGHT, WIDTH, 3), np.uint8)
BOX = RotatedBox(90.25, 60.5, 44, 30)
DAVIS, VOT = PRESETS["davis"], PRESETS["vot"]
COLOURS_BGR = [(40, 140, 240), (240, 120, 30), (60, 230, 60)]


def one_step(
    engine: ScriptedEngine, config: TrackerConfig = DAVIS, box: RotatedBox = BOX
) -> tuple[TargetState, TargetResult, TargetState]:
    """The state before, the result and the state after a step on the later image."""
    tracker = Tracker(engine, config)
    (before,) = tracker.start(IMAGE, [box])
    (result,), (after,) = tracker.step(LATER, [before])
    return before, result, after


def assert_same(one: TargetResult, other: TargetResult) -> None:
    """Bit for bit."""
    assert (one.status, one.reason, one.box, one.box_xywh) == (
        other.status,
        other.reason,
        other.box,
        other.box_xywh,
    )
    assert np.array_equal(one.score, other.score, equal_nan=True)
    assert np.array_equal(one.outline, other.outline)
    assert (one.mask is None) == (other.mask is None)
    if one.mask is not None and other.mask is not None:
        assert (one.mask.left, one.mask.top) == (other.mask.left, other.mask.top)
        assert np.array_equal(one.mask.values, other.mask.values)


def three_centers(index: int) -> list[tuple[float, float]]:
    return [(80 + 3 * index, 70), (240, 80 + 2 * index), (160, 180 - 2 * index)]


def three_boxes(index: int) -> list[RotatedBox]:
    return [RotatedBox(x, y, 40, 40) for x, y in three_centers(index)]


def three_squares(index: int) -> NDArray[np.uint8]:
    """Three squares of different colours over dark noise."""
    image = np.random.default_rng(index).integers(0, 40, (240, 320, 3), np.uint8)
    for (x, y), colour in zip(three_centers(index), COLOURS_BGR, strict=True):
        image[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20] = colour
    return image
