"""Rows A9, A10, A12, E1, E2, E3, E5, E6, E7 and F1 at the level of a session."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import square_box
from support.session_bench import (
    START_NS,
    Clock,
    SessionBench,
    assert_on_square,
    stamp_of,
    wait_until,
)

from siammask_ros.session import Frame, Level
from siammask_ros.tracker.targets import Status


def test_a9_new_resolution_loses_the_targets_and_a_new_box_works_on_the_next_frame() -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.submit_discarded(2, width=400, height=300)
        bench.submit_discarded(3, width=400, height=300)
        (target,) = bench.answer(4, width=400, height=300).targets
        assert target.result.status == Status.LOST
        assert target.result.reason == "resolution changed to 400×300; the search has ended"
        assert target.result.mask is None
        searched = len(bench.engine.batches)
        bench.answer(5, width=400, height=300)
        assert len(bench.engine.batches) == searched, "a target without a picture is not searched"
        assert bench.session.health().targets().level == Level.WARN
        started = bench.session.start_target(square_box(5), "1")
        assert started is not None
        wait_until(
            lambda: bench.session.health().statuses["1"] == Status.TRACKING, "the new target"
        )
        assert_on_square(bench.answer(6, width=400, height=300), 6)


HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        pytest.param({"stamp_ns": START_NS + HOUR_NS}, "stamps jumped ahead by 3", id="ahead"),
        pytest.param({"stamp_ns": START_NS - 10**10}, "stamps jumped back by 10.", id="back"),
        pytest.param({"stamp_ns": START_NS + 5 * 10**9}, "stamps jumped ahead by", id="seconds"),
        pytest.param({"width": 400, "height": 300}, "resolution changed to 400×300", id="size"),
    ],
)
@pytest.mark.parametrize("in_a_row", [1, 2])
def test_a16_odd_images_cost_themselves_and_the_target_is_kept(
    odd: dict[str, int], reason: str, in_a_row: int, caplog: pytest.LogCaptureFixture
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        for _ in range(3):
            for _ in range(in_a_row):
                bench.submit_discarded(2, **odd)
            bench.assert_tracks(2)
        health = bench.session.health()
        assert dict(health.counters.dropped) == {"inconsistent": 3 * in_a_row}
        assert health.image_stream().level == Level.WARN
        assert reason in health.image_stream().message
        bench.assert_tracks(3)
    remarks = [record.message for record in caplog.records if "image not used" in record.message]
    assert len(remarks) == 1, "of many in a row one line is enough"


def test_a16_an_odd_image_is_forgotten_by_the_diagnostics() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.submit_discarded(1, START_NS + HOUR_NS)
        assert bench.session.health().image_stream().level == Level.WARN
        for index in range(1, 13):
            clock.now_s += 1
            bench.answer(1, START_NS + index * 10**9)
        assert bench.session.health().image_stream().level == Level.OK


def test_a16_two_cameras_on_one_topic_leave_the_first_ones_target_alone() -> None:
    with SessionBench() as bench:
        bench.started(0)
        for index in range(1, 10):
            bench.submit_discarded(index, width=400, height=300)
            bench.assert_tracks(index)


def test_a16_a_recording_of_few_images_that_is_played_fast_is_followed() -> None:
    """Every step is 20 s long and takes no time: none of them is odd."""
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.submit_discarded(1, START_NS + 20 * 10**9)
        bench.submit_discarded(2, START_NS + 40 * 10**9)
        for index in range(3, 9):
            assert_on_square(bench.answer(index, START_NS + index * 20 * 10**9), index)


@pytest.mark.parametrize("level", [0, 255, 128])
def test_a12_constant_pictures_give_finite_numbers_or_lost(level: int) -> None:
    with SessionBench() as bench:
        bench.started(0)
        for index in range(1, 6):
            image = np.full((240, 320, 3), level, np.uint8)
            bench.session.submit(Frame(image, stamp_of(index), time.monotonic()))
            bench.settled()
        (target,) = bench.results[-1].targets
        numbers = [target.result.score, *target.result.box.corners_xy.ravel()]
        assert np.isfinite(numbers).all()
        assert target.result.status == Status.LOST
        assert bench.session.health().failed == 0
        bench.answer(6)
        bench.start(6, "1")
        bench.assert_tracks(7)


def test_a12_a_box_on_a_black_picture_is_followed_without_a_non_finite_number() -> None:
    with SessionBench() as bench:
        black = np.zeros((240, 320, 3), np.uint8)
        bench.session.submit(Frame(black, stamp_of(0), time.monotonic()))
        bench.start(0)
        for index in range(1, 4):
            bench.session.submit(Frame(black, stamp_of(index), time.monotonic()))
            bench.settled()
        (target,) = bench.results[-1].targets
        assert np.isfinite([target.result.score, *target.result.box_xywh]).all()
        bench.answer(4)
        bench.start(4, "1")
        bench.assert_tracks(5)


def test_e1_a_jump_back_that_stays_begins_a_new_stream() -> None:
    with SessionBench() as bench:
        bench.answer(0, stamp_of(50))
        bench.start(0)
        assert_on_square(bench.answer(1, stamp_of(51)), 1)
        bench.submit_discarded(0, stamp_of(1))
        bench.submit_discarded(0, stamp_of(2))
        answer = bench.answer(0, stamp_of(3))
        (target,) = answer.targets
        assert target.result.status == Status.LOST
        assert target.result.reason == "stamps jumped back by 2.0 s; the search has ended"
        assert answer.counters.dropped == {"inconsistent": 2}
        bench.start(0, "1")
        bench.assert_tracks(4)


def test_e1_a_small_reorder_drops_the_old_frame_and_keeps_the_target() -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(3)
        bench.submit(2)
        bench.settled()
        assert dict(bench.session.health().counters.dropped) == {"out of order": 1}
        assert len(bench.results) == 2
        bench.assert_tracks(4)


def test_e2_a_jump_forward_by_an_hour_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.submit_discarded(1, stamp_of(1) + HOUR_NS)
        bench.submit_discarded(2, stamp_of(2) + HOUR_NS)
        for index in (3, 4):
            assert_on_square(bench.answer(index, stamp_of(index) + HOUR_NS), index)
        assert bench.session.health().counters.dropped == {"inconsistent": 2}
    assert "stamps jumped ahead by 3600.0 s" in caplog.messages


def test_e3_images_without_a_stamp_are_tracked_and_remarked_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SessionBench() as bench:
        bench.answer(0, stamp_ns=0)
        bench.start(0)
        for index in range(1, 5):
            assert_on_square(bench.answer(index, stamp_ns=0), index)
    remarks = [record.message for record in caplog.records if "have no stamp" in record.message]
    assert len(remarks) == 1


def test_e3_equal_stamps_are_tracked_and_remarked_once(caplog: pytest.LogCaptureFixture) -> None:
    with SessionBench() as bench:
        bench.started(0)
        for index in range(1, 5):
            assert_on_square(bench.answer(index, stamp_of(0)), index)
    remarks = [record.message for record in caplog.records if "same stamp" in record.message]
    assert len(remarks) == 1


def test_e5_a_silent_camera_makes_targets_stale_and_the_next_image_is_tracked() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        clock.now_s += 0.9
        assert bench.session.build_stale_result() is None
        clock.now_s += 0.3
        stale = bench.session.build_stale_result()
        assert stale is not None
        assert stale.frame.stamp_ns == stamp_of(1)
        (target,) = stale.targets
        assert target.result.status == Status.STALE
        assert target.result.reason == "no image for 1.2 s"
        assert target.unseen_s == pytest.approx(1.2)
        health = bench.session.health()
        assert health.image_stream().level == Level.ERROR
        assert health.image_stream().message == "no image for 1.2 s"
        assert health.inference().level != Level.OK
        assert bench.session.build_stale_result() is not None
        bench.assert_tracks(2)
        assert bench.session.build_stale_result() is None
        assert bench.session.health().image_stream().level == Level.OK


def test_e5_a_camera_that_never_comes_is_an_error_after_the_timeout() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        assert bench.session.health().image_stream().level == Level.WARN
        clock.now_s += 1.5
        status = bench.session.health().image_stream()
        assert (status.level, status.message) == (Level.ERROR, "no image yet for 1.5 s")
        bench.started(0)
        bench.assert_tracks(1)
        assert bench.session.health().image_stream().level == Level.OK


@pytest.mark.parametrize("away_s", [1.5, 9.0])
def test_e6_a_camera_that_comes_back_soon_is_tracked_on(away_s: float) -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        clock.now_s += away_s
        assert bench.session.health().image_stream().level == Level.ERROR
        assert_on_square(bench.answer(2, stamp_of(2) + int(away_s * 1e9)), 2)
        assert bench.session.health().image_stream().level == Level.OK


@pytest.mark.parametrize("has_stamps", [True, False])
def test_e6_a_camera_that_was_away_for_long_loses_the_target_and_a_new_box_works(
    has_stamps: bool,
) -> None:
    clock = Clock()

    def stamp_ns(index: int) -> int:
        return int(clock.now_s * 1e9) + index if has_stamps else 0

    with SessionBench(clock=clock) as bench:
        bench.answer(0, stamp_ns(0))
        bench.start(0, "1")
        assert_on_square(bench.answer(1, stamp_ns(1)), 1)
        clock.now_s += 20
        (target,) = bench.answer(2, stamp_ns(2)).targets
        assert target.result.status == Status.LOST
        assert target.result.reason == "no image for 20.0 s; the search has ended"
        assert bench.session.health().image_stream().level == Level.OK
        bench.start(2, "1")
        assert_on_square(bench.answer(3, stamp_ns(3)), 3)


def test_e6_a_bag_that_paused_goes_on_where_it_was() -> None:
    clock = Clock()
    with SessionBench(clock=clock) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        clock.now_s += 60
        bench.assert_tracks(2)


def test_e7_f1_at_200_hz_and_50_ms_of_work_the_answers_stay_young() -> None:
    with SessionBench(FakeEngine(delay_s=0.05)) as bench:
        bench.started(0)
        until = time.monotonic() + 1.5
        index = 1
        while time.monotonic() < until:
            bench.submit(index % 20 + 1, stamp_ns=START_NS + index * 5_000_000)
            index += 1
            time.sleep(0.005)
        bench.settled()
        waits_ms = [answer.wait_ms for answer in bench.results[2:]]
        health = bench.session.health()
        # A frame waits for one inference at most, here with room for a busy machine.
        assert np.median(waits_ms) < 30
        assert health.counters.dropped["replaced"] > 10
        assert health.counters.received == sum(
            (health.counters.processed, health.counters.total_dropped)
        )


def test_b7_a_flood_of_boxes_is_coalesced_and_frames_go_on() -> None:
    with SessionBench() as bench:
        bench.started(0)
        for _ in range(1000):
            bench.session.start_target(square_box(0), "1")
        bench.settled()
        assert list(bench.session.health().statuses) == ["1"]
        assert threading.active_count() < 20
        bench.assert_tracks(1)
