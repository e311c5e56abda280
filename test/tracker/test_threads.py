"""Targets shared out among threads: the same answers, in the same order, and errors as without."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from siammask_ros.evaluation.speed.host import MANY, InstantEngine
from siammask_ros.evaluation.speed.scene import make_moving_squares
from siammask_ros.model.variants import get_variant
from siammask_ros.tracker import threads as module
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.threads import map_in_threads
from siammask_ros.tracker.tracker import Tracker


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("items", [0, 1, 2, 7, 8])
def test_every_item_is_answered_in_order(items: int, threads: int) -> None:
    assert map_in_threads(lambda n: n * n, range(items), threads) == [n * n for n in range(items)]


def test_items_are_computed_at_the_same_time() -> None:
    # Each waits for the other, so that one after the other would never end.
    meeting = threading.Barrier(2, timeout=60)
    assert sorted(map_in_threads(lambda _: meeting.wait(), [0, 1], 2)) == [0, 1]


@pytest.mark.parametrize("wrong", [0, 1], ids=["here", "in another thread"])
def test_an_error_is_raised_once_all_are_done_and_the_next_call_works(wrong: int) -> None:
    done: list[int] = []

    def compute(number: int) -> int:
        if number == wrong:
            raise ValueError(f"item {number}")
        done.append(number)
        return number

    with pytest.raises(ValueError, match=f"item {wrong}"):
        map_in_threads(compute, [0, 1], 2)
    assert done == [1 - wrong]
    assert map_in_threads(compute, [2, 3], 2) == [2, 3]


def test_a_step_gives_the_same_to_the_bit_with_and_without_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker = Tracker(InstantEngine(get_variant("lite")), PRESETS["lite"])
    scene = make_moving_squares("480p", MANY)
    states = tracker.start(scene.images[0], scene.boxes[0])
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(module, "_thread_count", lambda threads=threads: threads)
        crops = []
        search = tracker.engine.search

        def watched(templates, images, params=None, search=search, crops=crops):  # type: ignore[no-untyped-def]
            crops += [image.copy() for image in images]
            return search(templates, images, params)

        monkeypatch.setattr(tracker.engine, "search", watched)
        results, _ = tracker.step(scene.images[1], states)
        monkeypatch.setattr(tracker.engine, "search", search)
        found.append((np.stack(crops), [result.box for result in results]))
    (crops_alone, boxes_alone), (crops_shared, boxes_shared) = found
    assert len(crops_alone) == MANY
    assert np.array_equal(crops_alone, crops_shared)
    assert boxes_alone == boxes_shared
