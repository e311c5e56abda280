"""What a session promises while nothing goes wrong; test/faults holds the rest."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import square_box
from support.session_bench import SessionBench, assert_on_square, stamp_of, wait_until

from siammask_ros.errors import BoxError, ImageError
from siammask_ros.session import Frame, Level, Session, SessionConfig
from siammask_ros.tracker.config import find_preset


def test_without_a_target_every_frame_is_answered_with_nothing() -> None:
    with SessionBench() as bench:
        answers = [bench.answer(i) for i in range(3)]
    assert [answer.targets for answer in answers] == [(), (), ()]
    assert answers[-1].counters.processed == 3
    assert not answers[-1].mask().any()


def test_a_target_is_followed_from_the_frame_after_its_box() -> None:
    with SessionBench() as bench:
        assert bench.started(0) == "1"
        for index in range(1, 12):
            bench.assert_tracks(index)
        answer = bench.results[-1]
    assert answer.frame.stamp_ns == stamp_of(11)
    assert answer.frame.frame_id == "camera"
    assert set(answer.stages_ms) == {"crop", "network", "select", "mask"}
    (target,) = answer.targets
    assert target.unseen_s == 0
    assert np.count_nonzero(answer.mask()) == target.result.mask.area_px


def test_the_answer_to_a_box_holds_it_as_clipped() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        box = type(square_box(0)).from_xywh((-40.0, 50.0, 80.0, 60.0))
        started = bench.session.start_target(box)
    assert started is not None
    assert started.box.bounding_xywh == (0.0, 50.0, 40.0, 60.0)
    assert started.frame.stamp_ns == stamp_of(0)


def test_several_targets_share_one_batch_and_keep_their_order() -> None:
    with SessionBench() as bench:
        bench.started(0, "b")
        bench.start(0, "a")
        answer = bench.answer(1)
    assert bench.engine.batches == [2]
    assert [target.target_id for target in answer.targets] == ["b", "a"]


def test_a_box_on_an_older_frame_is_caught_up_to_the_newest() -> None:
    with SessionBench() as bench:
        for index in range(9):
            bench.answer(index)
        started = bench.session.start_target(square_box(0), stamp_ns=stamp_of(0))
        assert started is not None
        assert started.frame.stamp_ns == stamp_of(0)
        wait_until(lambda: bench.session.health().statuses, "the target to be known")
        assert bench.engine.batches == [1] * 8, "frames 1 to 8, one by one"
        bench.assert_tracks(9)


def test_catching_up_takes_a_bounded_number_of_steps() -> None:
    with SessionBench() as bench:
        for index in range(24):
            bench.submit(index)
        bench.settled()
        bench.session.start_target(square_box(0), stamp_ns=stamp_of(0))
        wait_until(lambda: bench.session.health().statuses, "the target to be known")
        assert 1 <= len(bench.engine.batches) <= 10
        bench.assert_tracks(24)


def test_a_box_that_comes_before_its_frame_waits_for_it() -> None:
    with SessionBench() as bench:
        assert bench.session.start_target(square_box(3), "early", stamp_of(3)) is None
        bench.answer(2)
        assert not bench.session.health().statuses
        bench.answer(3)
        wait_until(lambda: bench.session.health().statuses, "the target to be known")
        bench.assert_tracks(4, "early")


def test_a_box_whose_frame_never_comes_is_refused_by_the_next_one() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        assert bench.session.start_target(square_box(2), "early", stamp_of(2)) is None
        bench.answer(3)
        ((target_id, reason),) = bench.refusals
        assert target_id == "early"
        assert "is not kept" in reason
        assert "is not kept" in bench.session.health().targets().message


def test_the_waiting_frame_is_replaced_by_a_newer_one() -> None:
    with SessionBench(FakeEngine(["hang"])) as bench:
        bench.started(0)
        bench.submit(1)
        wait_until(lambda: bench.engine.batches, "the engine to hang in frame 1")
        for index in range(2, 7):
            bench.submit(index)
        bench.engine.released.set()
        wait_until(lambda: len(bench.results) == 3, "frames 0, 1 and the newest")
        assert_on_square(bench.results[-1], 6)
        counters = bench.results[-1].counters
    assert dict(counters.dropped) == {"replaced": 4}
    assert (counters.received, counters.processed) == (7, 3)


def test_a_pause_keeps_the_targets_and_takes_up_the_newest_frame_afterwards() -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.session.set_paused(True)
        bench.submit(1)
        bench.submit(2)
        assert bench.session.health().image_stream().message == "paused; targets are kept"
        bench.session.set_paused(False)
        wait_until(lambda: len(bench.results) == 2, "the newest frame")
        assert_on_square(bench.results[-1], 2)


def test_a_reset_forgets_all_and_a_new_box_is_followed() -> None:
    with SessionBench() as bench:
        bench.started(0, "a")
        bench.start(0, "b")
        assert bench.session.reset() == 2
        assert bench.answer(1).targets == ()
        bench.start(1, "c")
        bench.assert_tracks(2, "c")


def test_one_target_is_forgotten_and_the_other_goes_on() -> None:
    with SessionBench() as bench:
        bench.started(0, "a")
        bench.start(0, "b")
        assert bench.session.forget("a")
        answer = bench.answer(1)
        assert [target.target_id for target in answer.targets] == ["b"]
        assert_on_square(answer, 1, "b")


def test_a_target_forgotten_while_it_is_searched_is_not_reported() -> None:
    with SessionBench(FakeEngine(["hang"])) as bench:
        bench.started(0)
        bench.submit(1)
        wait_until(lambda: bench.engine.batches, "the engine to hang in frame 1")
        bench.session.forget("1")
        bench.engine.released.set()
        wait_until(lambda: len(bench.results) == 2, "the answer")
    assert bench.results[-1].targets == ()


def test_new_settings_count_from_the_next_frame_on() -> None:
    with SessionBench() as bench:
        bench.started(0)
        first = bench.answer(1)
        strict = find_preset("default")
        assert bench.session.reconfigure(strict, SessionConfig(max_targets=1)) == 2
        second = bench.answer(2)
        assert (first.config_serial, second.config_serial) == (1, 2)
        with pytest.raises(BoxError, match="1 targets are already active"):
            bench.session.start_target(square_box(2))


def test_a_long_lost_target_says_for_how_long() -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.answer(1)
        for index in range(2, 12):
            answer = bench.answer(index, visible=False)
    (target,) = answer.targets
    assert target.result.status.name == "LOST"
    assert "score 0.0" in target.result.reason
    assert target.unseen_s == pytest.approx(0.4)


def test_a_lost_target_is_searched_for_no_longer_than_asked_and_a_new_box_helps() -> None:
    """The images are 40 ms apart; the target was last seen on image 1."""
    with SessionBench(config=SessionConfig(search_s=0.3)) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        searched, reasons = [], []
        for index in range(2, 14):
            before = len(bench.engine.batches)
            (target,) = bench.answer(index, visible=False).targets
            searched.append(len(bench.engine.batches) - before)
            reasons.append(target.result.reason)
        assert searched == [1] * 7 + [0] * 5
        assert reasons[-1] == "not found within 0.3 s; the search has ended"
        assert target.result.status.name == "LOST"
        assert target.unseen_s == pytest.approx(0.48)
        assert bench.session.health().targets().message == "1 target, 1 of them LOST"
        bench.start(13, "1")
        bench.assert_tracks(14)


def test_the_health_counts_and_times_what_it_did() -> None:
    with SessionBench(FakeEngine(delay_s=0.01)) as bench:
        bench.started(0)
        for index in range(1, 11):
            bench.answer(index)
        health = bench.session.health()
    assert health.counters.processed == 11
    assert 10 <= health.answer_ms["p95"] <= health.answer_ms["p99"] < 5000
    assert health.image_stream().level == Level.OK
    assert health.inference().level == Level.OK
    assert health.targets().message == "1 target, 0 of them LOST"


def test_stopping_twice_and_handing_in_afterwards_do_no_harm() -> None:
    with SessionBench() as bench:
        bench.answer(0)
        assert bench.session.stop()
        bench.submit(1)
        assert bench.session.stop()
        assert len(bench.results) == 1


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="empty"),
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id="four-channels"),
        pytest.param(np.zeros((4, 4, 3), np.float32), id="float"),
        pytest.param([[[0, 0, 0]]], id="list"),
    ],
)
def test_a_frame_is_a_colour_picture_of_8_bits(image: object) -> None:
    with pytest.raises(ImageError, match=r"expected a uint8 array of \(height, width, 3\)"):
        Frame(image, 0, 0.0)  # type: ignore[arg-type]


def test_a_box_that_arrives_together_with_the_next_frame_is_answered_on_it() -> None:
    with SessionBench(FakeEngine(["hang"])) as bench:
        bench.started(0, "first")
        bench.submit(1)
        wait_until(lambda: bench.engine.batches, "the engine to hang in frame 1")
        bench.session.start_target(square_box(1), "second", stamp_of(1))
        bench.submit(2)
        bench.engine.released.set()
        wait_until(lambda: len(bench.results) == 3, "frames 0 to 2")
        assert_on_square(bench.results[-1], 2, "second")


def test_images_during_a_pause_are_not_dropped_and_every_image_is_counted_once() -> None:
    with SessionBench(FakeEngine(["ok", "raise"])) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.submit(2)
        bench.settled()
        bench.session.count_refused_frame("size", "too large")
        bench.session.set_paused(True)
        for index in range(3, 8):
            bench.submit(index)
        assert bench.session.health().counters.paused == 4
        bench.session.set_paused(False)
        bench.settled()
        bench.submit_discarded(8, stamp_of(1))
        counters = bench.session.health().counters
        assert dict(counters.dropped) == {"failed": 1, "refused": 1, "out of order": 1}
        assert (counters.received, counters.processed, counters.paused) == (10, 3, 4)
        assert counters.received == counters.processed + counters.total_dropped + counters.paused


def test_a_target_keeps_no_image() -> None:
    with SessionBench(config=SessionConfig(history_s=0.0)) as bench:
        frames = [bench.frame(index) for index in range(4)]
        images = [weakref.ref(frame.image) for frame in frames]
        bench.session.submit(frames.pop(0))
        bench.settled()
        bench.start(0)
        for _ in range(3):
            bench.session.submit(frames.pop(0))
            bench.settled()
        bench.results.clear()
        gc.collect()
        assert [image() is not None for image in images] == [False, False, False, True]
        bench.assert_tracks(4)


class Outcomes:
    """Collects what became of requests, by their ids."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __call__(self, target_id: str, reason: str) -> None:
        self.heard.append((target_id, reason))

    def wait(self, count: int = 1) -> list[tuple[str, str]]:
        wait_until(lambda: len(self.heard) >= count, f"{count} outcomes")
        return self.heard


def test_a_caller_is_told_once_its_box_was_applied_to_its_frame() -> None:
    outcomes = Outcomes()
    with SessionBench() as bench:
        bench.answer(0)
        bench.session.start_target(square_box(0), on_done=outcomes)
        assert outcomes.wait() == [("1", "")]
        assert list(bench.session.health().statuses) == ["1"]
        early = Outcomes()
        bench.session.start_target(square_box(1), "early", stamp_of(1), on_done=early)
        assert early.heard == []
        bench.answer(1)
        assert early.wait() == [("early", "")]
        bench.assert_tracks(2, "early")
    assert outcomes.heard == [("1", "")]


@pytest.mark.parametrize(
    ("cancel", "reason"),
    [
        pytest.param(lambda s, done: s.forget("a"), "forgotten before", id="forget"),
        pytest.param(lambda s, done: s.reset(), "forgotten before", id="reset"),
        pytest.param(lambda s, done: s.cancel_start(done, "too late"), "too late", id="cancel"),
        pytest.param(lambda s, done: s.stop(0.0), "the tracker was stopped", id="stop"),
        pytest.param(
            lambda s, done: s.start_target(square_box(0), "a"), "replaced by a newer", id="replace"
        ),
    ],
)
def test_a_caller_is_told_that_its_box_was_cancelled(
    cancel: Callable[[Session, Outcomes], object], reason: str
) -> None:
    outcomes = Outcomes()
    engine = FakeEngine()
    with SessionBench(engine) as bench:
        bench.started(0)
        engine.script.append("hang")
        bench.submit(1)
        wait_until(lambda: not engine.script, "the inference that hangs")
        bench.session.start_target(square_box(0), "a", on_done=outcomes)
        cancel(bench.session, outcomes)
        ((target_id, told),) = outcomes.heard
        engine.released.set()
    assert target_id == "a"
    assert reason in told
    assert bench.refusals == []


def test_a_cancelled_box_that_waits_for_its_frame_is_not_applied_and_others_are() -> None:
    cancelled, other = Outcomes(), Outcomes()
    with SessionBench() as bench:
        bench.answer(0)
        bench.session.start_target(square_box(1), "", stamp_of(1), on_done=cancelled)
        bench.session.start_target(square_box(1), "", stamp_of(1), on_done=other)
        bench.session.cancel_start(cancelled, "too late")
        assert cancelled.heard == [("", "too late")]
        bench.answer(1)
        assert other.wait() == [("1", "")]
        assert list(bench.session.health().statuses) == ["1"]
        bench.assert_tracks(2)
