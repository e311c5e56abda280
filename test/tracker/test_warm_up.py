"""What is done before the first frame."""

from __future__ import annotations

import pytest
from fake_engine import FakeEngine

from siammask_ros.errors import EngineMemoryError
from siammask_ros.tracker.config import TrackerConfig
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


def test_both_sizes_of_search_crop_are_tried_where_a_crowd_gets_the_smaller_one() -> None:
    engine = FakeEngine()
    warm_up(Tracker(engine, TrackerConfig(crowd_targets=4)), 8)
    tried = {(len(sides), *sides[:1]) for sides in engine.sides_px}
    assert tried == {(1, 255), (2, 255), (4, 255), (4, 159), (8, 255), (8, 159)}


def test_c3_more_targets_than_memory_allows_end_the_warm_up_and_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = FakeEngine(["ok", "ok", "memory"])
    warm_up(Tracker(engine, TrackerConfig()), 8)
    assert engine.batches == [1, 2, 4]
    assert engine.freed == 1
    assert "4 targets are too much at once here" in caplog.text


def test_c3_too_little_memory_for_one_target_is_an_error() -> None:
    with pytest.raises(EngineMemoryError):
        warm_up(Tracker(FakeEngine(["memory"]), TrackerConfig()), 8)
