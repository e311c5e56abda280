"""Rows C3 and C4 at the level of a session: too little memory, and a device that is gone."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from support.fake_engine import FakeEngine
from support.moving_square import square_box
from support.session_bench import SessionBench, assert_on_square, wait_until

from siammask_ros.errors import EngineLostError
from siammask_ros.session import FrameResult, Level


class WatchedEngine(FakeEngine):
    """Notes whether an exception was still being handled when memory was to be given back."""

    still_handled = False

    def free_memory(self) -> None:
        super().free_memory()
        self.still_handled = sys.exc_info() != (None, None, None)


def three_targets(engine: FakeEngine) -> FrameResult:
    """The answer to a frame with three targets, each as it should be, and so the next one."""
    with SessionBench(engine) as bench:
        bench.answer(0)
        for target_id in "abc":
            bench.start(0, target_id)
        answer = bench.answer(1)
        after = bench.answer(2)
        for target_id in "abc":
            assert_on_square(answer, 1, target_id)
            assert_on_square(after, 2, target_id)
        return answer


def test_c3_a_frame_for_which_memory_is_short_is_answered_in_two_halves() -> None:
    engine = WatchedEngine(["memory"])
    halved, whole = three_targets(engine), three_targets(FakeEngine())
    assert engine.batches == [3, 2, 1, 3]
    assert (engine.freed, engine.still_handled) == (1, False)
    for one, other in zip(halved.targets, whole.targets, strict=True):
        assert one.target_id == other.target_id
        assert (one.result.box, one.result.score) == (other.result.box, other.result.score)


def test_c3_halves_are_told() -> None:
    with SessionBench(FakeEngine(["memory"])) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        health = bench.session.health()
        assert (health.memory_retries, health.failed) == (1, 0)
        status = health.inference()
        assert status.level == Level.WARN
        assert status.message == "out of memory: steps are repeated in two halves"
        bench.assert_tracks(2)


def test_c3_where_a_half_is_too_much_as_well_one_frame_is_dropped() -> None:
    with SessionBench(FakeEngine(["memory", "memory"])) as bench:
        bench.started(0)
        bench.submit(1)
        bench.settled()
        health = bench.session.health()
        assert (health.failed, health.memory_errors_in_row) == (1, 1)
        assert health.last_error.startswith("EngineMemoryError: ")
        assert bench.engine.batches == [1, 1], "one second try and no third"
        bench.assert_tracks(2)


def test_c3_three_frames_in_a_row_without_memory_are_an_error_and_one_good_frame_ends_it() -> None:
    with SessionBench(FakeEngine(["memory"] * 6)) as bench:
        bench.started(0)
        for index in range(1, 4):
            bench.submit(index)
            bench.settled()
        status = bench.session.health().inference()
        assert status.level == Level.ERROR
        assert "3 frames in a row failed: EngineMemoryError" in status.message
        bench.assert_tracks(4)
        assert bench.session.health().inference().level == Level.WARN


def test_c4_a_lost_device_is_not_asked_again_and_a_new_session_tracks() -> None:
    with SessionBench(FakeEngine(["ok", "lost"])) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.submit(2)
        wait_until(lambda: bench.losses, "the loss to be told")
        asked = len(bench.engine.batches)
        bench.submit(3)
        assert bench.session.stop(), "the worker has ended"
        assert len(bench.engine.batches) == asked
        assert bench.losses == ["scripted failure; expected by the test"]
        status = bench.session.health().inference()
        assert status.level == Level.ERROR
        assert status.message.startswith("engine lost, restart the process: scripted failure")
    with SessionBench() as bench:
        bench.started(3)
        bench.assert_tracks(4)


def test_c4_a_device_that_is_lost_at_a_new_box_ends_the_session_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SessionBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        monkeypatch.setattr(FakeEngine, "template", _lost)
        bench.session.start_target(square_box(1), "2")
        wait_until(lambda: bench.losses, "the loss to be told")
        assert not bench.refusals
        assert bench.session.health().inference().level == Level.ERROR


def _lost(self: Any, crops: Any) -> Any:
    raise EngineLostError("gone")
