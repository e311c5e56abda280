"""Rows B1 to B8 at the level of a session: a refusal names its reason and harms nobody."""

from __future__ import annotations

import math

import pytest
from support.moving_square import square_box
from support.session_bench import (
    PERIOD_NS,
    Clock,
    SessionBench,
    assert_on_square,
    stamp_of,
    wait_until,
)

from siammask_ros.errors import BoxError, SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session import Level, SessionConfig

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        pytest.param(RotatedBox(NAN, 50, 40, 40), "not finite", id="b1-nan"),
        pytest.param(RotatedBox(50, 50, INF, 40), "not finite", id="b1-inf"),
        pytest.param(RotatedBox(50, -INF, 40, 40), "not finite", id="b1-minus-inf"),
        pytest.param(RotatedBox(50, 50, 40, 40, NAN), "not finite", id="b1-theta-nan"),
        pytest.param(RotatedBox(1e300, 50, 40, 40), "beyond", id="b1-huge"),
        pytest.param(RotatedBox(50, 50, 0, 0), "8×8 px after clipping", id="b3-zero"),
        pytest.param(RotatedBox(50, 50, 1, 1), "8×8 px after clipping", id="b3-one-pixel"),
        pytest.param(RotatedBox(900, 900, 40, 40), "outside", id="b4-outside"),
        pytest.param(RotatedBox(160, 120, 300, 0.03), "8×8 px", id="b5-thin"),
    ],
)
def test_b1_b3_b4_b5_a_useless_box_is_refused_and_the_others_go_on(
    box: RotatedBox, reason: str
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        with pytest.raises(BoxError, match=reason):
            bench.session.start_target(box, "other")
        health = bench.session.health()
        assert list(health.statuses) == ["1"]
        assert health.targets().level == Level.WARN
        assert reason in health.targets().message
        bench.assert_tracks(2)


def test_b2_a_box_dragged_the_wrong_way_round_is_followed() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        box = square_box(0)
        started = bench.session.start_target(RotatedBox(box.x, box.y, -box.width, -box.height))
        assert started is not None
        assert started.box == box
        wait_until(lambda: bench.session.health().statuses, "the target to be known")
        bench.assert_tracks(1)


def test_b5_a_box_larger_than_the_picture_is_clipped_to_it() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        started = bench.session.start_target(RotatedBox(160, 120, 5000, 5000))
        assert started is not None
        assert started.box.bounding_xywh == (0, 0, 320, 240)
        bench.settled()
        bench.start(0, "1")
        bench.assert_tracks(1)


@pytest.mark.parametrize(
    "stamp_ns",
    [
        pytest.param(stamp_of(0) + 1, id="between-two-frames"),
        pytest.param(stamp_of(0) - 10**10, id="long-gone"),
        pytest.param(stamp_of(1) + 10**12, id="far-ahead"),
    ],
)
def test_b6_a_box_on_a_frame_that_is_not_kept_is_refused_never_moved_to_another(
    stamp_ns: int,
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        with pytest.raises(BoxError, match="is not kept"):
            bench.session.start_target(square_box(0), "1", stamp_ns)
        assert "is not kept" in bench.session.health().targets().message
        bench.assert_tracks(2)


def test_b6_frames_are_kept_no_longer_than_asked() -> None:
    with SessionBench(config=SessionConfig(history_s=0.0)) as bench:
        bench.answer(0)
        bench.answer(1)
        with pytest.raises(BoxError, match="is not kept"):
            bench.session.start_target(square_box(0), "1", stamp_of(0))
        bench.start(1, "1")
        bench.assert_tracks(2)


def test_b6_frames_are_kept_in_bounded_memory() -> None:
    # A 640×480 picture takes 0.9 MB: of twenty, one fits into 1 MiB.
    with SessionBench(config=SessionConfig(history_mb=1)) as bench:
        for index in range(20):
            bench.answer(index, width=640, height=480)
        with pytest.raises(BoxError, match="is not kept"):
            bench.session.start_target(square_box(18), "1", stamp_of(18))
        started = bench.session.start_target(square_box(19), "1", stamp_of(19))
        assert started is not None
        bench.settled()
        assert_on_square(bench.answer(20, width=640, height=480), 20)


def test_b7_an_id_given_twice_is_replaced() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        bench.session.start_target(RotatedBox(30, 30, 20, 20), "a")
        bench.session.start_target(square_box(0), "a")
        bench.settled()
        assert list(bench.session.health().statuses) == ["a"]
        bench.assert_tracks(1, "a")


def test_b7_an_unknown_id_is_not_forgotten() -> None:
    with SessionBench() as bench:
        bench.started(0)
        assert not bench.session.forget("nobody")
        assert list(bench.session.health().statuses) == ["1"]
        bench.assert_tracks(1)


def test_b7_one_more_than_max_targets_is_refused_with_the_limit() -> None:
    with SessionBench(config=SessionConfig(max_targets=2)) as bench:
        bench.started(0)
        bench.session.start_target(square_box(0))
        with pytest.raises(BoxError, match="2 targets are already active"):
            bench.session.start_target(square_box(0))
        bench.settled()
        assert len(bench.session.health().statuses) == 2
        bench.assert_tracks(1, "1")


def test_b7_boxes_ahead_of_their_frames_are_bounded() -> None:
    with SessionBench(config=SessionConfig(max_targets=2)) as bench:
        bench.answer(0)
        for index in (1, 2):
            assert bench.session.start_target(square_box(0), "", stamp_of(index)) is None
        with pytest.raises(BoxError, match="2 boxes already wait for their images"):
            bench.session.start_target(square_box(0), "", stamp_of(0) + 3 * PERIOD_NS)
        bench.answer(1)
        bench.settled()
        bench.assert_tracks(2)


def test_b7_an_endless_id_is_refused() -> None:
    with SessionBench() as bench:
        bench.started(0)
        with pytest.raises(BoxError, match="id has 10000 characters"):
            bench.session.start_target(square_box(0), "x" * 10_000)
        bench.assert_tracks(1)


def test_b8_a_box_before_the_first_image_is_refused_and_works_afterwards() -> None:
    with SessionBench() as bench:
        with pytest.raises(BoxError, match="no image has arrived yet"):
            bench.session.start_target(square_box(0))
        assert "no image has arrived yet" in bench.session.health().targets().message
        bench.started(0)
        assert bench.session.health().targets().level == Level.OK
        bench.assert_tracks(1)


def test_a_mask_that_came_before_its_image_is_refused_where_that_has_another_size() -> None:
    with SessionBench() as bench:
        bench.started(0)
        early = (square_box(1), "early", stamp_of(1), (100, 100))
        assert bench.session.start_target(*early) is None
        bench.assert_tracks(1)
        (refused,) = wait_until(lambda: bench.refusals, "the refusal")
        assert refused == (
            "early",
            "mask is 100×100 px and the image 320×240; expected one of the same size",
        )
        fits = (square_box(2), "fits", stamp_of(2), (240, 320))
        assert bench.session.start_target(*fits) is None
        bench.assert_tracks(2)
        bench.settled()
        bench.assert_tracks(3, "fits")


HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize("stamp_ns", [stamp_of(0) + HOUR_NS, stamp_of(0) - HOUR_NS])
def test_b9_a_box_of_another_clock_is_refused_with_the_first_image(stamp_ns: int) -> None:
    with SessionBench(config=SessionConfig(max_targets=1)) as bench:
        assert bench.session.start_target(square_box(0), "other", stamp_ns) is None
        bench.answer(0)
        ((target_id, reason),) = wait_until(lambda: bench.refusals, "the refusal")
        assert target_id == "other"
        assert "3600.00 s" in reason
        assert "is not kept" in bench.session.health().targets().message
        assert bench.session.start_target(square_box(1), "early", stamp_of(1)) is None
        bench.answer(1)
        bench.settled()
        bench.assert_tracks(2, "early")


@pytest.mark.parametrize("images", [False, True])
def test_b9_a_box_whose_image_does_not_come_is_refused_and_holds_no_place(images: bool) -> None:
    clock = Clock()
    with SessionBench(config=SessionConfig(max_targets=1), clock=clock) as bench:
        if images:
            bench.answer(0)
        assert bench.session.start_target(square_box(0), "other", stamp_of(0) + 1) is None
        clock.now_s += 0.9
        assert not bench.refusals
        clock.now_s += 0.2
        ((target_id, reason),) = wait_until(lambda: bench.refusals, "the refusal")
        assert target_id == "other"
        assert reason.startswith("no image of stamp 1000.000000001 s came within 1 s")
        assert reason in bench.session.health().targets().message
        assert bench.session.start_target(square_box(1), "early", stamp_of(1)) is None
        bench.answer(1)
        bench.settled()
        bench.assert_tracks(2, "early")


def test_a_box_that_waits_is_forgotten_by_its_id_and_others_are_not() -> None:
    outcomes: list[tuple[str, str]] = []

    def on_done(target_id: str, reason: str) -> None:
        outcomes.append((target_id, reason))

    with SessionBench() as bench:
        bench.answer(0)
        for target_id in ("early", ""):
            bench.session.start_target(square_box(1), target_id, stamp_of(1), on_done=on_done)
        assert not bench.session.forget("")
        assert not bench.session.forget("other")
        assert bench.session.forget("early")
        assert outcomes == [("early", "forgotten before it was applied")]
        assert not bench.session.forget("early")
        bench.answer(1)
        bench.settled()
        assert outcomes[1:] == [("1", "")]
        bench.assert_tracks(2)


def test_b10_a_box_for_a_session_that_has_ended_is_refused_and_does_not_wait_for_ever() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        assert bench.session.stop()
        with pytest.raises(SiamMaskError, match="the tracker was stopped"):
            bench.session.start_target(square_box(0))
        with pytest.raises(SiamMaskError, match="the tracker was stopped"):
            bench.session.start_target(square_box(1), "early", stamp_of(1))


def test_b1_a_refused_box_is_told_beside_the_rest_and_for_a_while_only() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        with pytest.raises(BoxError):
            bench.session.start_target(RotatedBox(900, 900, 40, 40), "other")
        told = bench.session.health().targets()
        assert told.level == Level.WARN
        assert told.message.startswith("1 target, 0 of them LOST; a box was refused: box at ")
        for index in range(2, 14):
            clock.now_s += 0.9
            bench.assert_tracks(index)
        assert bench.session.health().targets().level == Level.OK
        assert "880" in bench.session.health().last_box_refusal, "it can still be looked up"


def test_b1_a_refused_box_does_not_hide_a_target_that_is_lost() -> None:
    with SessionBench() as bench:
        bench.started(0)
        with pytest.raises(BoxError):
            bench.session.start_target(RotatedBox(900, 900, 40, 40), "other")
        for index in range(1, 4):
            bench.answer(index, visible=False)
        assert "1 target, 1 of them LOST; a box was" in bench.session.health().targets().message
        bench.started(4, "1")
        assert bench.session.health().targets().message == "1 target, 0 of them LOST"
        bench.assert_tracks(5)


def test_an_image_that_was_refused_does_not_hide_that_images_have_stopped() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.session.count_refused_frame("step", "step 5 is shorter than a row")
        assert "image refused: step 5" in bench.session.health().image_stream().message
        clock.now_s += 5
        status = bench.session.health().image_stream()
        assert (status.level, status.message) == (Level.ERROR, "no image for 5.0 s")
        bench.assert_tracks(1)
