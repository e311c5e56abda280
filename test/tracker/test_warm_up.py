"""What is done before the first frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import cv2
import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box

from siammask_ros.engines.base import Masks, Response
from siammask_ros.errors import EngineMemoryError
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker
from siammask_ros.tracker.warm_up import warm_up


@pytest.mark.parametrize(
    ("most", "counts"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 8]), (8, [1, 2, 4, 8])]
)
def test_every_number_of_targets_that_an_engine_prepares_for_is_tried(
    most: int, counts: list[int]
) -> None:
    engine = FakeEngine()
    warm_up(Tracker(engine, TrackerConfig()), most)
    assert sorted(set(engine.batches)) == counts


def test_on_a_gpu_more_targets_may_be_allowed_later_without_preparing_again() -> None:
    engine = FakeEngine()
    engine.info = replace(engine.info, device="cuda:1")
    warm_up(Tracker(engine, TrackerConfig()), 2)
    assert sorted(set(engine.batches)) == [1, 2, 4, 8, 16]


def test_both_sizes_of_search_crop_are_tried_where_a_crowd_gets_the_smaller_one() -> None:
    engine = FakeEngine()
    warm_up(Tracker(engine, TrackerConfig(multi_target_threshold=4)), 8)
    tried = {(len(sides), *sides[:1]) for sides in engine.sides_px}
    assert tried == {(1, 255), (2, 255), (4, 255), (4, 159), (8, 255), (8, 159)}


class TimedGpu(FakeEngine):
    """A device on which a search takes so many seconds for a crop of this size."""

    def __init__(self, seconds: dict[int, float]) -> None:
        super().__init__()
        self.info = replace(self.info, device="cuda:0")
        self.variant = replace(self.variant, small_search_size=self.variant.search_size)
        self.seconds = seconds
        self.now_s = 0.0

    def search(self, templates: Any, crops: Any, params: Any = None) -> Response:
        self.now_s += max(self.seconds[len(crop)] for crop in crops)
        return super().search(templates, crops, params)


@pytest.mark.parametrize(
    ("small_s", "used_px"), [(0.5, 159), (0.85, 159), (0.95, 255), (2.0, 255)], ids=str
)
def test_a_gpu_gets_small_crops_only_where_they_are_faster(
    small_s: float, used_px: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    engine = TimedGpu({255: 1.0, 159: small_s})
    tracker = Tracker(engine, TrackerConfig(multi_target_threshold=4))
    warm_up(tracker, 8, lambda: engine.now_s)
    assert engine.variant.small_search_size == used_px
    assert "1000.00 ms with search crops of 255 px" in caplog.text
    # What is used later has been prepared.
    assert ([used_px] * 8 in engine.sides_px) and ([used_px] * 16 in engine.sides_px)


def test_a_gpu_without_small_crops_times_nothing() -> None:
    engine = TimedGpu({255: 1.0})
    warm_up(Tracker(engine, TrackerConfig(multi_target_threshold=0)), 8, lambda: engine.now_s)
    assert len(engine.batches) == len(set(engine.batches)) == 5


def test_c3_more_targets_than_memory_allows_end_the_warm_up_and_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = FakeEngine(["ok", "ok", "memory"])
    warm_up(Tracker(engine, TrackerConfig()), 8)
    assert engine.batches == [1, 2, 4]
    assert engine.freed == 1
    assert "not enough memory for 4 targets at once" in caplog.text


def test_c3_too_little_memory_for_one_target_is_an_error() -> None:
    with pytest.raises(EngineMemoryError):
        warm_up(Tracker(FakeEngine(["memory"]), TrackerConfig()), 8)


class DoubtfulEngine(FakeEngine):
    """Sees hardly anything in what it is shown, as a network does in a made-up image."""

    def search(self, *arguments: Any) -> Response:
        response = super().search(*arguments)
        scores = [score * np.float32(0.01) for score in response.score]
        return Response(scores, response.box, response.maps)

    def refine(self, *arguments: Any) -> Masks:
        masks = super().refine(*arguments)
        values = np.maximum(masks.values * np.float32(0.01), np.float32(1e-6))
        return Masks(values, np.full(len(values), 0.01, np.float32))


def called(work: Callable[[], Any]) -> set[str]:
    """The names of our and OpenCV's functions that the work calls."""
    names: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        module = str(frame.f_globals.get("__name__"))
        if event == "call" and module.startswith("siammask_ros."):
            names.add(f"{module}.{frame.f_code.co_name}")
        elif event == "c_call" and getattr(cv2, argument.__name__, None) is argument:
            names.add(f"cv2.{argument.__name__}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return names


@pytest.mark.parametrize("settings", ["lite", "davis"])
def test_f6_all_that_a_tracked_frame_calls_has_been_called_before(settings: str) -> None:
    config = PRESETS[settings]
    warmed = called(lambda: warm_up(Tracker(DoubtfulEngine(), config), 1))
    tracker = Tracker(FakeEngine(), config)

    def follow() -> None:
        states = tracker.start(picture(0), [square_box(0)])
        for index in range(1, 4):
            results, states = tracker.step(picture(index), states)
            assert [result.status for result in results] == [Status.TRACKING]

    tracked = called(follow)
    assert "cv2.cvtColor" in tracked, "its tables are built when it is called first"
    assert len(tracked) > 20
    assert tracked - warmed == set()
