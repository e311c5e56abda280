"""The walk of a frame: crops, the next centre and size, masks, and states as values."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box, square_center
from support.scripted_engine import Answer, ScriptedEngine
from tracker.walks import (
    BOX,
    DAVIS,
    HEIGHT,
    IMAGE,
    LATER,
    VOT,
    WIDTH,
    assert_same,
    one_step,
    three_boxes,
    three_squares,
)

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.crops import context_side, crop_square, mean_bgr
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.masks import SearchSquare, paste_mask
from siammask_ros.tracker.stage_clock import StageClock
from siammask_ros.tracker.targets import Status, TargetState
from siammask_ros.tracker.tracker import Tracker

THRESHOLDS = TrackerConfig(
    0.04, 0.4, 1.0, 0.35, tracking_score=0.6, lost_score=0.3, lost_after_frames=2
)


def assert_same_state(one: TargetState, other: TargetState) -> None:
    for name in ("center_in_image", "size", "theta", "status", "reason", "frames_unseen"):
        assert getattr(one, name) == getattr(other, name), name
    assert np.array_equal(one.fill_bgr, other.fill_bgr)


# Nothing, and several


def test_no_targets_cost_nothing() -> None:
    engine = FakeEngine()
    tracker = Tracker(engine, DAVIS)
    assert tracker.start(IMAGE, []) == []
    assert tracker.step(IMAGE, []) == ([], [])
    assert engine.batches == []


def test_several_targets_share_one_batch_and_keep_their_order() -> None:
    engine = FakeEngine()
    tracker = Tracker(engine, PRESETS["lite"])
    states = tracker.start(three_squares(0), three_boxes(0))
    results, states = tracker.step(three_squares(1), states)
    assert engine.batches == [3]
    for result, box in zip(results, three_boxes(1), strict=True):
        assert result.status == Status.TRACKING
        assert (result.box.x, result.box.y) == pytest.approx((box.x, box.y), abs=2)


def test_a_moving_square_is_followed() -> None:
    tracker = Tracker(FakeEngine(), PRESETS["lite"])
    states = tracker.start(picture(0), [square_box(0)])
    for index in range(1, 20):
        results, states = tracker.step(picture(index), states)
        assert results[0].status == Status.TRACKING
        assert (results[0].box.x, results[0].box.y) == pytest.approx(square_center(index), abs=2)
        assert results[0].mask is not None
        assert results[0].mask.area_px == pytest.approx(48 * 48, rel=0.1)


# Starting


def test_a_start_takes_the_box_and_the_first_images_mean() -> None:
    (state,) = Tracker(ScriptedEngine(), DAVIS).start(IMAGE, [BOX])
    assert state.center_in_image == (BOX.x, BOX.y)
    assert state.size == pytest.approx((BOX.width, BOX.height))
    assert np.array_equal(state.fill_bgr, mean_bgr(IMAGE))
    assert (state.status, state.reason, state.frames_unseen) == (Status.TRACKING, "", 0)


def test_the_template_is_the_context_square_around_the_box() -> None:
    engine = ScriptedEngine()
    Tracker(engine, DAVIS).start(IMAGE, [BOX])
    side = round(math.sqrt((44 + 37) * (30 + 37)))
    expected = crop_square(IMAGE, (BOX.x, BOX.y), side, 127, mean_bgr(IMAGE))
    assert np.array_equal(engine.template_crops, [expected])


def test_a_rotated_box_is_followed_by_an_upright_one_of_its_area_and_center() -> None:
    box = RotatedBox(100, 60, 60, 20, 0.5)
    (state,) = Tracker(ScriptedEngine(), DAVIS).start(IMAGE, [box])
    _, _, width, height = box.bounding_xywh
    assert state.center_in_image == (100, 60)
    assert state.size[0] * state.size[1] == pytest.approx(60 * 20)
    assert state.size[0] / state.size[1] == pytest.approx(width / height)
    assert state.theta == 0.5


# One step


def test_the_search_crop_is_cut_around_the_last_center_and_filled_with_the_first_mean() -> None:
    engine = ScriptedEngine(Answer())
    before, _, _ = one_step(engine, box=RotatedBox(12, 10, 24, 20))
    side = round(context_side(*before.size) * 255 / 127)
    expected = crop_square(LATER, before.center_in_image, side, 255, mean_bgr(IMAGE))
    assert np.array_equal(engine.search_crops, [expected])
    assert engine.search_crops[0][0, 0].tolist() == mean_bgr(IMAGE).astype(np.uint8).tolist()


@pytest.mark.parametrize("config", [DAVIS, VOT], ids=["davis", "vot"])
def test_center_and_size_follow_the_choice_by_penalty_score_and_rate(
    config: TrackerConfig,
) -> None:
    answer = Answer((11, 14), 3, 0.9, (0.1, -0.05, 0.2, 0.1))
    _, result, after = one_step(ScriptedEngine(answer), config)

    # Step 1 to 4 of the online tracking, written out for anchor 3, which is 40×80.
    w, h = BOX.width, BOX.height
    scale = 127 / math.sqrt((w + (w + h) / 2) * (h + (w + h) / 2))
    x, y = 0.1 * 40 + (14 - 12) * 8, -0.05 * 80 + (11 - 12) * 8
    new_w, new_h = math.exp(0.2) * 40, math.exp(0.1) * 80

    def padded(width: float, height: float) -> float:
        return math.sqrt((width + (width + height) / 2) * (height + (width + height) / 2))

    s = padded(new_w, new_h) / padded(w * scale, h * scale)
    r = (w / h) / (new_w / new_h)
    penalty = math.exp(-(max(r, 1 / r) * max(s, 1 / s) - 1) * config.penalty_k)
    rate = penalty * 0.9 * config.size_rate
    assert after.center_in_image == pytest.approx((BOX.x + x / scale, BOX.y + y / scale), rel=1e-6)
    assert after.size == pytest.approx(
        (w * (1 - rate) + new_w / scale * rate, h * (1 - rate) + new_h / scale * rate), rel=1e-6
    )
    assert result.score == pytest.approx(0.9)
    left, top, width, height = result.box_xywh
    assert (width, height) == after.size
    assert (left + width / 2, top + height / 2) == pytest.approx(after.center_in_image)


def test_the_mask_is_pasted_around_the_center_before_the_step() -> None:
    answer = Answer((11, 14), 3, 0.9, (0.1, -0.05, 0.2, 0.1), mask_with_a_bar())
    engine = ScriptedEngine(answer)
    before, result, after = one_step(engine)

    side = round(context_side(*before.size) * 255 / 127)
    square = SearchSquare.around(before.center_in_image, side, engine.variant)
    expected = paste_mask(
        mask_with_a_bar(), square, (11, 14), (HEIGHT, WIDTH), engine.variant, DAVIS.mask_threshold
    )
    assert engine.cells == [(11, 14)]
    assert result.mask is not None
    assert (result.mask.left, result.mask.top) == (expected.left, expected.top)
    assert np.array_equal(result.mask.values, expected.values)
    assert result.box == RotatedBox.around_points(result.outline, before.theta)
    assert after.theta == result.box.theta != 0


def mask_with_a_bar() -> NDArray[np.float32]:
    """A bar across the mask, turned by atan(1/2)."""
    y, x = np.mgrid[:127, :127] - 63
    along, across = (2 * x + y) / math.sqrt(5), (2 * y - x) / math.sqrt(5)
    return ((np.abs(along) < 45) & (np.abs(across) < 12)).astype(np.float32)


EDGE = RotatedBox(180, 60, 36, 36)


@pytest.mark.parametrize(
    ("raw_box", "cell", "center", "size"),
    [
        pytest.param((9, 0, 0, 0), (12, 24), (WIDTH, None), None, id="right"),
        pytest.param((-9, 0, 0, 0), (12, 0), (0, None), None, id="left"),
        pytest.param((0, 9, 0, 0), (24, 12), (None, HEIGHT), None, id="bottom"),
        pytest.param((0, -9, 0, 0), (0, 12), (None, 0), None, id="top"),
        pytest.param((0, 0, -5, -5), (12, 12), None, (10, 10), id="too small"),
        pytest.param((0, 0, 4, 4), (12, 12), None, (WIDTH, HEIGHT), id="too large"),
    ],
)
def test_the_clamp_comes_after_the_mask(
    raw_box: tuple[float, float, float, float],
    cell: tuple[int, int],
    center: tuple[float | None, float | None] | None,
    size: tuple[float, float] | None,
) -> None:
    """With an empty mask the result keeps the box as it was before the clamp."""
    config = TrackerConfig(penalty_k=0.0, window_influence=0.0, size_rate=1.0)
    answer = Answer(cell, 2, 1.0, raw_box, mask=0.0)
    _, result, after = one_step(ScriptedEngine(answer), config, EDGE)
    for axis, limit in enumerate(center or ()):
        if limit is not None:
            assert after.center_in_image[axis] == limit
            beyond = (result.box.x, result.box.y)[axis]
            assert abs(beyond - limit) > 1
            assert not 0 <= beyond <= (WIDTH, HEIGHT)[axis]
    if size is not None:
        assert after.size == size
        assert result.box_xywh[2:] == size
        assert all(
            abs(before - clamped) > 1
            for before, clamped in zip((result.box.width, result.box.height), size, strict=True)
        )


def test_a_network_without_masks_is_tracked_by_its_boxes() -> None:
    engine = ScriptedEngine(Answer((12, 13)), model="resnet50_box")
    _, result, after = one_step(engine)
    assert result.status == Status.TRACKING
    assert result.mask is None
    assert result.outline.shape == (0, 2)
    assert (result.box.x, result.box.y) == after.center_in_image
    assert (result.box.width, result.box.height) == after.size


def test_the_clock_gets_every_stages_time() -> None:
    ticks = itertools.count()
    clock = StageClock(lambda: float(next(ticks)))
    tracker = Tracker(ScriptedEngine(Answer()), DAVIS)
    tracker.step(LATER, tracker.start(IMAGE, [BOX]), clock)
    # The network is asked twice: search, then masks.
    assert clock.stages_ms == {"crop": 1e3, "network": 2e3, "select": 1e3, "mask": 1e3}


# State is a value


def test_the_same_states_give_the_same_answer_again() -> None:
    tracker = Tracker(FakeEngine(), PRESETS["lite"])
    states = tracker.start(three_squares(0), three_boxes(0))
    kept = copy.deepcopy(states)

    first, after_first = tracker.step(three_squares(1), states)
    tracker.step(three_squares(2), after_first)
    again, after_again = tracker.step(three_squares(1), states)

    for one, other in zip(first, again, strict=True):
        assert_same(one, other)
    for pairs in (zip(after_first, after_again, strict=True), zip(states, kept, strict=True)):
        for one, other in pairs:
            assert_same_state(one, other)


# Seen or not


def test_an_unseen_target_stays_where_it_was_without_a_mask_and_is_taken_back() -> None:
    engine = ScriptedEngine(Answer((11, 14)))
    tracker = Tracker(engine, THRESHOLDS)
    states = tracker.start(IMAGE, [BOX])
    told = []
    for score in (0.9, 0.1, 0.1, 0.5, 0.9):
        engine.answers = [Answer((11, 14), score=score)]
        before = states
        (result,), states = tracker.step(LATER, states)
        told.append(result.status.name)
        if score < 0.6:
            assert result.mask is None
            assert states[0].center_in_image == before[0].center_in_image
            assert states[0].size == before[0].size
            assert (result.box.x, result.box.y) == before[0].center_in_image
            assert f"score {score:.2f} below 0.60" in result.reason
        else:
            assert result.mask is not None
            assert states[0].center_in_image != before[0].center_in_image
        assert (states[0].status, states[0].reason) == (result.status, result.reason)
    assert told == ["TRACKING", "UNCERTAIN", "LOST", "LOST", "TRACKING"]


def test_an_uncertain_target_that_is_seen_moves_and_has_a_mask() -> None:
    before, result, after = one_step(ScriptedEngine(Answer((11, 14), score=0.5)), THRESHOLDS)
    assert result.status == Status.UNCERTAIN
    assert result.mask is not None
    assert after.center_in_image != before.center_in_image
    assert after.frames_unseen == 0


@pytest.mark.parametrize(("side", "from_mask"), [(9, False), (30, True)], ids=["small", "large"])
def test_a_small_mask_gives_no_rotated_box(side: int, from_mask: bool) -> None:
    """The authors' bound: a part of up to 100 px²."""
    mask = np.zeros((127, 127), np.float32)
    mask[50 : 50 + side, 50 : 50 + side] = 1.0
    _, result, after = one_step(ScriptedEngine(Answer(mask=mask)))
    assert result.mask is not None and result.mask.area_px > 0
    assert ((result.box.width, result.box.height) != after.size) == from_mask
    assert (result.reason == "") == from_mask
