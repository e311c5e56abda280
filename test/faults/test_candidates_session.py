"""A detector's boxes at the level of a session: where to look, and no more than that."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.moving_square import square_box
from support.session_bench import PERIOD_NS, SessionBench, assert_on_square, stamp_of

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session import Level, SessionConfig
from siammask_ros.tracker.targets import Status, TargetResult

NAN = math.nan
GONE = 3  # frames until LOST
ELSEWHERE = RotatedBox(290, 200, 48, 48)


def lost(bench: SessionBench, index: int = 1) -> int:
    """Follows the square, hides it until it is LOST; the next picture's index."""
    bench.started(index - 1)
    for _ in range(GONE):
        answer = bench.answer(index, visible=False)
        index += 1
    (target,) = answer.targets
    assert target.result.status == Status.LOST
    return index


def found_again(bench: SessionBench, index: int, frames: int = 12) -> int | None:
    """Shows the square for so many pictures; how many of them it took to be TRACKING."""
    for number in range(frames):
        (target,) = bench.answer(index + number).targets
        if target.result.status == Status.TRACKING:
            return number + 1
    return None


def test_a_target_is_taken_back_at_a_box_after_the_search_has_ended() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        searched = len(bench.engine.batches)
        assert found_again(bench, index, 4) is None
        assert len(bench.engine.batches) == searched, "nobody looks any more"
        (target,) = bench.results[-1].targets
        assert target.result.reason == "not found within 0 s; the search has ended"
        index += 4
        assert bench.session.offer_candidates([square_box(index)]).refused == ()
        assert found_again(bench, index) is not None
        bench.assert_tracks(index + 12)


def test_a_box_on_something_else_takes_nothing_back_and_the_true_one_does() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        bench.session.offer_candidates([ELSEWHERE])
        assert found_again(bench, index, 4) is None
        index += 4
        bench.session.offer_candidates([ELSEWHERE, square_box(index)])
        assert found_again(bench, index) is not None
        bench.assert_tracks(index + 12)


def test_boxes_change_nothing_of_a_target_that_is_followed() -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.session.offer_candidates([ELSEWHERE])
        for index in range(1, 5):
            bench.assert_tracks(index)


def test_after_a_broken_stream_only_a_new_box_helps() -> None:
    with SessionBench() as bench:
        bench.started(0)
        for index in (1, 2):
            bench.submit_discarded(index, width=400, height=300)
        bench.answer(3, width=400, height=300)
        bench.session.offer_candidates([square_box(3)])
        (target,) = bench.answer(4, width=400, height=300).targets
        assert target.result.reason == "resolution changed to 400×300; the search has ended"
        bench.start(4, "1")
        assert_on_square(bench.answer(5, width=400, height=300), 5)


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        pytest.param(([ELSEWHERE], stamp_of(-100)), "4.12 s from the newest", id="too old"),
        pytest.param(([ELSEWHERE], stamp_of(500)), "from the newest image", id="far ahead"),
        pytest.param(([ELSEWHERE] * 101,), "101 boxes at once", id="too many"),
        pytest.param(
            ([ELSEWHERE], 0, "rear"), "frame 'rear' and the images of 'camera'", id="rear"
        ),
    ],
)
def test_boxes_that_cannot_be_of_these_images_are_refused_counted_and_told(
    offer: tuple[Any, ...], reason: str
) -> None:
    with SessionBench() as bench:
        index = lost(bench)
        with pytest.raises(BoxError, match=reason):
            bench.session.offer_candidates(*offer)
        health = bench.session.health()
        assert health.refused_candidates == len(offer[0])
        assert health.targets().level == Level.WARN
        assert reason in health.targets().message
        bench.session.offer_candidates([square_box(index)], stamp_of(index - 1))
        assert bench.session.health().last_candidate_refusal == ""
        assert found_again(bench, index) is not None


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        pytest.param(RotatedBox(NAN, 50, 40, 40), "not finite", id="nan"),
        pytest.param(RotatedBox(1e300, 50, 40, 40), "beyond", id="huge"),
        pytest.param(RotatedBox(50, 50, 2, 2), "8×8 px", id="tiny"),
        pytest.param(RotatedBox(900, 900, 40, 40), "outside", id="outside"),
    ],
)
def test_a_useless_box_is_refused_and_the_one_beside_it_used(box: RotatedBox, reason: str) -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        offer = bench.session.offer_candidates([box, square_box(index)])
        assert len(offer.boxes) == 1
        assert reason in offer.refused[0]
        assert bench.session.health().refused_candidates == 1
        assert reason in bench.session.health().targets().message
        assert found_again(bench, index) is not None


def test_boxes_before_the_first_image_are_refused() -> None:
    with SessionBench() as bench:
        with pytest.raises(BoxError, match="no image has arrived yet"):
            bench.session.offer_candidates([ELSEWHERE])
        bench.started(0)
        bench.assert_tracks(1)


def test_a_flood_of_boxes_leaves_only_the_newest() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        for _ in range(1000):
            bench.session.offer_candidates([ELSEWHERE] * 100)
        bench.session.offer_candidates([square_box(index)])
        assert found_again(bench, index, 4) is not None


def test_boxes_of_a_frame_on_its_way_are_used() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        bench.session.offer_candidates([square_box(index)], stamp_of(index) + PERIOD_NS)
        assert found_again(bench, index) is not None


def offered(bench: SessionBench, index: int, *boxes: RotatedBox, **options: Any) -> TargetResult:
    """What is said of the target on a picture, before which a detector sent these boxes."""
    bench.session.offer_candidates(list(boxes))
    (target,) = bench.answer(index, **options).targets
    return target.result


def drifting(n: int) -> RotatedBox:
    """Something else that goes its way, which no detector tells from the target."""
    return RotatedBox(200 + 80 * math.cos(n / 20), 205, 48, 48)


def test_at_camera_rate_the_second_box_gets_its_turn() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        results = [
            offered(bench, index + n, drifting(n), square_box(index + n)).status for n in range(6)
        ]
        assert Status.TRACKING in results
        bench.assert_tracks(index + 6)


def test_at_camera_rate_the_target_is_found_at_its_last_place_too() -> None:
    with SessionBench() as bench:
        index = lost(bench)
        for n in range(6):
            offered(bench, index - 1, drifting(n), stamp_ns=stamp_of(index + n), visible=False)
        home = index - 2
        results = [
            offered(bench, home, drifting(6 + n), stamp_ns=stamp_of(index + 6 + n)).status
            for n in range(3)
        ]
        assert Status.TRACKING in results


def test_at_camera_rate_the_search_ends_and_something_else_costs_a_look_a_second() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        before = len(bench.engine.batches)
        reasons = [
            offered(bench, index, drifting(n), stamp_ns=stamp_of(index + n), visible=False).reason
            for n in range(250)
        ]
        # The images are of ten seconds.
        assert len(bench.engine.batches) - before == 10
        assert sum("the search has ended" in reason for reason in reasons) == 240
        bench.session.offer_candidates([square_box(index)])
        (target,) = bench.answer(index, stamp_of(index + 250)).targets
        assert target.result.status == Status.TRACKING


def test_a_rejected_box_is_looked_at_again_after_a_second() -> None:
    with SessionBench(config=SessionConfig(search_s=0.0)) as bench:
        index = lost(bench)
        there = square_box(index)
        assert offered(bench, index, there, visible=False).status == Status.LOST
        soon, later = stamp_of(index + 10), stamp_of(index + 30)
        assert offered(bench, index, there, stamp_ns=soon).status == Status.LOST
        assert offered(bench, index, there, stamp_ns=later).status == Status.TRACKING
