"""With many targets, stationary ones are searched in smaller crops, and found as in large ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.fake_engine import FakeEngine
from tracker.walks import three_boxes, three_squares

from siammask_ros.model.variants import VARIANTS
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.multi_target import is_stationary, select_variants
from siammask_ros.tracker.scoring import AnchorField
from siammask_ros.tracker.targets import Status, TargetState
from siammask_ros.tracker.tracker import Tracker

LITE = PRESETS["lite"]
SINGLE = replace(LITE, multi_target_threshold=0)
MULTI = replace(LITE, multi_target_threshold=3)


def stationary_states(tracker: Tracker) -> list[TargetState]:
    """Of three squares that were followed for a frame."""
    states = tracker.start(three_squares(0), three_boxes(0))
    assert [state.shift for state in states] == [math.inf] * 3
    _, states = tracker.step(three_squares(1), states)
    return states


def sides_px(states: list[TargetState], multi_target_threshold: int) -> list[int]:
    config = replace(LITE, multi_target_threshold=multi_target_threshold)
    return [each.search_size for each in select_variants(VARIANTS["lite"], states, config)]


@pytest.mark.parametrize("name", ["default", "davis", "vot", "vot_ld"])
def test_with_the_authors_settings_every_search_is_whole(name: str) -> None:
    (state, *_) = stationary_states(Tracker(FakeEngine(), LITE))
    for variant in VARIANTS.values():
        assert select_variants(variant, [state] * 64, PRESETS[name]) == [variant] * 64


@pytest.mark.parametrize(
    ("multi_target_threshold", "side"), [(0, 255), (4, 255), (3, 159), (1, 159)]
)
def test_smaller_crops_begin_at_the_threshold(multi_target_threshold: int, side: int) -> None:
    states = stationary_states(Tracker(FakeEngine(), LITE))
    assert sides_px(states, multi_target_threshold) == [side] * 3
    assert sides_px([], multi_target_threshold) == []


@pytest.mark.parametrize(
    ("change", "stationary"),
    [
        pytest.param({}, True, id="stationary"),
        pytest.param({"status": Status.UNCERTAIN}, False, id="uncertain"),
        pytest.param({"status": Status.LOST}, False, id="lost"),
        pytest.param({"shift": math.inf}, False, id="just started"),
        pytest.param({"shift": 0.13}, False, id="fast"),
        pytest.param({"shift": 0.12}, True, id="not so fast"),
    ],
)
def test_only_what_is_surely_tracked_and_hardly_moves_is_stationary(
    change: dict[str, Status | float], stationary: bool
) -> None:
    (state, *_) = stationary_states(Tracker(FakeEngine(), LITE))
    assert is_stationary(replace(state, **change), VARIANTS["lite"]) == stationary  # type: ignore[arg-type]


def test_a_smaller_crop_finds_the_same_target_in_the_same_place() -> None:
    engine = FakeEngine()
    states = stationary_states(Tracker(engine, SINGLE))
    whole, after_whole = Tracker(engine, SINGLE).step(three_squares(2), states)
    small, after_small = Tracker(engine, MULTI).step(three_squares(2), states)
    assert engine.sides_px[-2:] == [[255] * 3, [159] * 3]
    for one, other in zip(whole, small, strict=True):
        assert other.status == Status.TRACKING
        assert (other.box.x, other.box.y) == pytest.approx((one.box.x, one.box.y), abs=0.5)
        assert one.mask is not None and other.mask is not None
        assert other.mask.area_px == pytest.approx(one.mask.area_px, rel=0.03)
    for state, small_crop in zip(after_whole, after_small, strict=True):
        # Crops are cut at whole pixels, and the boxes count from where they should have been.
        assert small_crop.center_in_image == pytest.approx(state.center_in_image, abs=1.0)
        assert small_crop.size == pytest.approx(state.size, rel=0.02)


def test_one_that_is_not_calm_gets_its_whole_crop_among_others_that_do_not() -> None:
    engine = FakeEngine()
    first, second, third = stationary_states(Tracker(engine, SINGLE))
    mixed = [first, replace(second, status=Status.UNCERTAIN), third]
    results, _ = Tracker(engine, MULTI).step(three_squares(2), mixed)
    assert engine.sides_px[-1] == [159, 255, 159]
    for result, box in zip(results, three_boxes(2), strict=True):
        assert (result.box.x, result.box.y) == pytest.approx((box.x, box.y), abs=2)


def test_a_smaller_crops_places_rank_as_they_do_in_the_whole_one() -> None:
    lite = VARIANTS["lite"]
    whole, small = AnchorField.of(lite), AnchorField.of(lite.with_search_size(159))
    middle = slice(6, 19)
    assert (small.centers == whole.centers[:, middle, middle]).all()
    assert (small.window == whole.window[middle, middle]).all()
    assert (small.sizes == whole.sizes).all()
