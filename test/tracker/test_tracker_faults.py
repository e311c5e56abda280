"""What a fault costs a tracker, and that the next good frame is tracked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.scripted_engine import Answer, ScriptedEngine
from tracker.walks import (
    DAVIS,
    LATER,
    assert_same,
    one_step,
    three_boxes,
    three_squares,
)

from siammask_ros.engines.base import Masks, Response, SelectionParams
from siammask_ros.errors import BoxError, EngineError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker


def test_b_one_useless_box_starts_no_target_and_the_next_good_one_is_followed() -> None:
    tracker = Tracker(FakeEngine(), PRESETS["lite"])
    with pytest.raises(BoxError, match="not finite"):
        tracker.start(picture(0), [square_box(0), RotatedBox(math.nan, 1, 20, 20)])
    states = tracker.start(picture(0), [square_box(0)])
    results, _ = tracker.step(picture(1), states)
    assert results[0].status == Status.TRACKING


def test_a_failing_inference_leaves_the_states_and_the_next_good_frame_is_tracked() -> None:
    tracker = Tracker(FakeEngine(["raise"]), PRESETS["lite"])
    states = tracker.start(picture(0), [square_box(0)])
    with pytest.raises(EngineError, match="scripted failure"):
        tracker.step(picture(1), states)
    results, _ = tracker.step(picture(1), states)
    assert results[0].status == Status.TRACKING


@pytest.mark.parametrize("mask", [0.0, 0.3, 0.35], ids=str)
def test_c2_an_empty_mask_keeps_the_box_and_says_so(mask: float) -> None:
    _, result, after = one_step(ScriptedEngine(Answer((12, 13), mask=mask - 1e-4)))
    assert result.status == Status.TRACKING
    assert result.mask is not None and result.mask.area_px == 0
    assert "mask is empty" in result.reason
    assert (result.box.x, result.box.y) == after.center_in_image
    assert (result.box.width, result.box.height) == after.size


def test_c2_a_mask_off_the_image_is_empty_and_the_box_kept() -> None:
    corner = np.zeros((127, 127), np.float32)
    corner[:20, :20] = 1.0
    # Twelve cells up and left of a target in the picture's corner.
    config = TrackerConfig(window_influence=0.0)
    engine = ScriptedEngine(Answer((0, 0), mask=corner))
    _, result, _ = one_step(engine, config, RotatedBox(15, 15, 30, 30))
    assert result.mask is not None and result.mask.area_px == 0
    assert "mask is empty" in result.reason


class SpoiltEngine(FakeEngine):
    """Puts a number into one part of one target's answer, while ``item`` is not None."""

    def __init__(self, part: str, value: float) -> None:
        super().__init__()
        self.part = part
        self.value = value
        self.item: int | None = None

    def search(
        self,
        templates: Sequence[Any],
        crops: NDArray[np.uint8],
        params: SelectionParams | None = None,
    ) -> Response:
        response = super().search(templates, crops)
        if self.item is not None and self.part in ("score", "box"):
            getattr(response, self.part)[self.item][..., 3, 21] = self.value
        return response

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        masks = super().refine(response, rows, columns)
        if self.item is not None and self.part == "mask":
            masks.values[self.item, 5, 7] = self.value
        if self.item is not None and self.part == "quality" and masks.quality is not None:
            masks.quality[self.item] = self.value
        return masks


@pytest.mark.parametrize("item", [0, 1, 2], ids=["first", "second", "third"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("part", ["score", "box", "mask", "quality"])
def test_c1_a_non_finite_target_is_lost_the_others_bit_equal_and_all_tracked_next(
    part: str, value: float, item: int
) -> None:
    engine = SpoiltEngine(part, value)
    tracker = Tracker(engine, PRESETS["lite"])
    states = tracker.start(three_squares(0), three_boxes(0))
    others = [k for k in range(3) if k != item]
    healthy, _ = tracker.step(three_squares(1), states)
    alone, _ = tracker.step(three_squares(1), [states[k] for k in others])

    engine.item = item
    results, after = tracker.step(three_squares(1), states)

    assert results[item].status == Status.LOST
    assert "non-finite" in results[item].reason
    assert results[item].mask is None
    assert math.isnan(results[item].score)
    assert np.isfinite(results[item].box.corners_xy).all()
    assert after[item].center_in_image == states[item].center_in_image
    for k, without in zip(others, alone, strict=True):
        assert results[k].status == Status.TRACKING
        assert_same(results[k], healthy[k])
        assert_same(results[k], without)

    engine.item = None
    results, _ = tracker.step(three_squares(2), after)
    assert [result.status for result in results] == [Status.TRACKING] * 3
    assert [result.reason for result in results] == [""] * 3


def test_c1_a_box_too_large_for_a_number_is_lost_and_tracked_in_the_next_frame() -> None:
    engine = ScriptedEngine(Answer(anchor=0, score=0.0, raw_box=(0, 0, 800, 0)))
    _, result, after = one_step(engine)
    assert result.status == Status.LOST
    assert np.isfinite(after.size).all()
    engine.answers = [Answer()]
    (result,), _ = Tracker(engine, DAVIS).step(LATER, [after])
    assert result.status == Status.TRACKING
