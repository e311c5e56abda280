"""Rows C1, C7, C8, G1 and I2 at the level of a session: a bad frame costs one frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import square_box
from support.session_bench import SessionBench, assert_on_square, stamp_of, wait_until

from siammask_ros.errors import EngineError, EngineLostError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session import FrameResult, Level, SessionConfig
from siammask_ros.session.table import TargetTable
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.targets import Status


def two_targets(engine: FakeEngine) -> tuple[FrameResult, FrameResult]:
    """The answers to two frames with a bad and a good target."""
    with SessionBench(engine) as bench:
        bench.answer(0)
        bench.start(0, "bad")
        bench.start(0, "good")
        return bench.answer(1), bench.answer(2)


def test_c1_non_finite_scores_lose_one_target_and_leave_the_other_bit_equal() -> None:
    spoilt, after = two_targets(FakeEngine(["nan"]))
    clean, _ = two_targets(FakeEngine())
    bad, good = spoilt.targets
    assert bad.result.status == Status.LOST
    assert "non-finite" in bad.result.reason
    assert np.isfinite([bad.result.score, *bad.result.box_xywh]).all()
    expected = clean.targets[1].result
    assert good.result.box == expected.box
    assert good.result.score == expected.score
    assert np.array_equal(good.result.mask.values, expected.mask.values)
    assert_on_square(after, 2, "good")
    assert_on_square(after, 2, "bad")


def test_c7_a_hanging_engine_is_reported_while_everything_else_answers() -> None:
    with SessionBench(FakeEngine(["hang"]), SessionConfig(inference_timeout_s=0.2)) as bench:
        bench.started(0)
        bench.submit(1)
        status = wait_until(
            lambda: (
                bench.session.health().inference().level == Level.ERROR
                and bench.session.health().inference()
            ),
            "the hanging inference to be reported",
        )
        assert "has been running for" in status.message
        began_s = time.monotonic()
        bench.submit(2)
        bench.session.set_paused(True)
        bench.session.set_paused(False)
        assert bench.session.start_target(square_box(2), "other") is not None
        assert time.monotonic() - began_s < 0.5
        bench.engine.released.set()
        bench.settled()
        assert bench.session.health().inference().level == Level.OK
        bench.assert_tracks(3)


def test_c7_stopping_does_not_wait_for_a_hanging_engine() -> None:
    bench = SessionBench(FakeEngine(["hang"]))
    bench.started(0)
    bench.submit(1)
    wait_until(lambda: bench.engine.batches, "the engine to hang")
    began_s = time.monotonic()
    assert not bench.session.stop()
    assert time.monotonic() - began_s < 2
    assert bench.engine.is_abandoned
    before = len(bench.results)
    bench.engine.released.set()
    assert bench.session.stop()
    assert len(bench.results) == before, "nothing is said after the end"


def test_c11_what_was_left_behind_says_nothing_and_its_device_is_nobodys_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = SessionBench(LateLoss(["hang"]))
    bench.started(0)
    bench.submit(1)
    wait_until(lambda: bench.engine.batches, "the engine to hang")
    assert not bench.session.stop(timeout_s=0.1)
    bench.engine.released.set()
    assert bench.session.stop()
    assert bench.losses == []
    assert bench.session.health().failed == 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


class LateLoss(FakeEngine):
    """Whose device turns out to be gone once a call that hung comes back."""

    def refine(self, response: Any, rows: Any, columns: Any) -> Any:
        raise EngineLostError("gone")


def test_c8_a_frame_that_fails_is_counted_and_the_next_one_tracked() -> None:
    with SessionBench(FakeEngine(["ok", "raise"])) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.submit(2)
        bench.settled()
        health = bench.session.health()
        assert (health.failed, health.errors_in_row) == (1, 1)
        assert "EngineError: scripted failure" in health.last_error
        assert health.inference().level == Level.WARN
        bench.assert_tracks(3)
        assert bench.session.health().inference().level == Level.OK


def test_c8_ten_failures_in_a_row_are_an_error_and_one_good_frame_ends_it() -> None:
    with SessionBench(FakeEngine(["ok", *["raise"] * 10])) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        for index in range(2, 12):
            bench.submit(index)
            bench.settled()
        status = bench.session.health().inference()
        assert status.level == Level.ERROR
        assert "10 frames in a row failed: EngineError" in status.message
        # Ten frames on, the square has left the window that was searched last.
        bench.start(11, "1")
        bench.assert_tracks(12)
        assert bench.session.health().inference().level == Level.OK


def test_c8_a_receiver_that_raises_is_counted_and_the_next_frame_tracked() -> None:
    with SessionBench() as bench:
        bench.started(0)
        good = bench.session._worker.on_result
        bench.session._worker.on_result = _raising
        for index in range(1, 11):
            bench.submit(index % 2, stamp_of(index))
            wait_until(lambda: bench.session.health().failed == index, "the failure")  # noqa: B023
        health = bench.session.health()
        assert "ZeroDivisionError" in health.last_error
        assert health.inference().level == Level.ERROR
        assert health.inference().message.startswith("10 frames in a row failed")
        assert (health.counters.received, health.counters.processed) == (11, 1)
        assert dict(health.counters.dropped) == {"failed": 10}
        bench.session._worker.on_result = good
        assert_on_square(bench.answer(1, stamp_of(11)), 1)
        assert bench.session.health().inference().level == Level.OK


def test_c8_an_error_that_nobody_expects_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        with monkeypatch.context() as patch:
            patch.setattr(TargetTable, "report", _raising)
            bench.submit(1)
            wait_until(lambda: bench.session.health().failed == 1, "the failure")
        assert "ZeroDivisionError" in bench.session.health().inference().message
        said = "unexpected error in the worker; it continues"
        wait_until(lambda: said in caplog.messages, "the line in the log")
        bench.assert_tracks(2)


def test_c8_a_refusal_that_cannot_be_told_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.session._outcomes._on_refusal = _raising
        with monkeypatch.context() as patch:
            patch.setattr(FakeEngine, "template", _failing_template)
            bench.session.start_target(square_box(0), "other")
            wait_until(
                lambda: "no template" in bench.session.health().last_box_refusal, "the refusal"
            )
        bench.assert_tracks(1)


def test_c8_a_target_whose_template_fails_is_refused_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        with monkeypatch.context() as patch:
            patch.setattr(FakeEngine, "template", _failing_template)
            bench.session.start_target(square_box(0), "other")
            wait_until(lambda: bench.refusals, "the refusal")
        assert bench.refusals == [("other", "EngineError: no template")]
        assert "no template" in bench.session.health().targets().message
        bench.assert_tracks(1)


@pytest.mark.parametrize("rounds", [300])
def test_g1_every_result_carries_the_serial_of_the_one_configuration_that_made_it(
    rounds: int,
) -> None:
    """mask_threshold 0 fills the pasted region, 1 leaves it empty: the mask tells which it was."""
    full = find_preset("default")
    areas: dict[int, Callable[[int], bool]] = {1: lambda area: area > 0}
    with SessionBench() as bench:
        bench.started(0)
        for index in range(1, rounds):
            empty = bool(index % 2)
            config = type(full)(mask_threshold=1.0 if empty else 0.3)
            serial = bench.session.reconfigure(config, SessionConfig())
            areas[serial] = (lambda area: area == 0) if empty else (lambda area: area > 0)
            # The square all but stands: however many frames are passed over, it is seen.
            bench.submit(index % 2, stamp_of(index))
        bench.settled()
        assert len(bench.results) > 10
        for answer in bench.results[1:]:
            for target in answer.targets:
                area = target.result.mask.area_px
                assert areas[answer.config_serial](area), (answer.config_serial, area)
        bench.session.reconfigure(find_preset("lite"), SessionConfig())
        bench.answer(10, stamp_of(rounds))
        bench.start(10, "1")
        assert_on_square(bench.answer(11, stamp_of(rounds + 1)), 11)


def test_i2_health_is_never_ok_while_no_frame_is_processed() -> None:
    config = SessionConfig(frame_timeout_s=0.1, inference_timeout_s=60)
    with SessionBench(FakeEngine(["hang"]), config) as bench:
        bench.started(0)
        bench.submit(1)
        wait_until(lambda: bench.engine.batches, "the engine to hang")
        time.sleep(0.15)
        bench.submit(2)
        status = bench.session.health().inference()
        assert status.level == Level.ERROR
        assert status.message == "no image was processed"
        bench.engine.released.set()
        bench.settled()
        bench.assert_tracks(3)


def _raising(*arguments: Any) -> Any:
    raise ZeroDivisionError("receiver")


def _failing_template(self: Any, crops: Any) -> Any:
    raise EngineError("no template")


def test_b1_the_other_targets_of_a_refused_box_are_untouched() -> None:
    with SessionBench() as bench:
        bench.started(0)
        before = bench.answer(1).targets[0].result.box
        started = bench.session.start_target(RotatedBox(30, 30, 20, 20), "other")
        assert started is not None
        bench.settled()
        assert before.x != 30
        bench.assert_tracks(2)
