"""The worker thread of a session: starts targets and processes the newest frame."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from siammask_ros.errors import EngineLostError
from siammask_ros.session.config import CATCH_UP_STEPS, EXPIRY_PERIOD_S
from siammask_ros.session.frames import FrameResult
from siammask_ros.session.out_of_memory_retry import step_with_retry
from siammask_ros.session.outcomes import OutcomeReporter
from siammask_ros.session.requests import Request
from siammask_ros.session.state import SessionState
from siammask_ros.session.stream import KeptFrame
from siammask_ros.session.table import Target
from siammask_ros.tracker.stage_clock import StageClock
from siammask_ros.tracker.tracker import Tracker

_log = logging.getLogger(__name__)


class Worker(threading.Thread):
    """Processes requests and frames until it is stopped or the engine is lost.

    It does not hold the lock while it computes. The callbacks are those of ``Session``.
    """

    def __init__(
        self,
        shared: SessionState,
        on_result: Callable[[FrameResult], None],
        outcomes: OutcomeReporter,
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(name="siammask worker", daemon=True)
        self._shared = shared
        self.on_result = on_result
        self._outcomes = outcomes
        self._on_lost = on_lost

    def run(self) -> None:
        """Process requests and frames until stopped."""
        shared = self._shared
        while not shared.is_stopping:
            try:
                self._process_pending()
            except EngineLostError as error:
                self._report_lost_engine(error)
            except Exception as error:
                # The worker must not end: no frame would be processed any more.
                self._record_failure(error, "unexpected error in the worker; it continues")
            with shared.condition:
                shared.record.inference_since_s = None

    def _process_pending(self) -> None:
        """Wait for work, then process one request and one frame: neither blocks the other."""
        shared = self._shared
        with shared.condition:
            # Nothing notifies the condition when a box expires.
            wait_s = EXPIRY_PERIOD_S if shared.requests.has_early_boxes else None
            if not self._has_work():
                shared.condition.wait(wait_s)
            if shared.is_stopping:
                return
            shared.requests.remove_expired(shared.clock(), shared.config)
            request = shared.requests.take_next()
            kept = self._take_frame()
            tracker, serial = shared.tracker, shared.config_serial
            if request is not None or kept is not None:
                shared.record.inference_since_s = shared.clock()
        self._outcomes.report()
        if request is not None:
            self._start_target(request, tracker)
        if kept is not None:
            self._process_frame(kept, tracker, serial)

    def _take_frame(self) -> KeptFrame | None:
        shared = self._shared
        if shared.is_paused:
            return None
        kept, shared.waiting_frame = shared.waiting_frame, None
        return kept

    def _has_work(self) -> bool:
        shared = self._shared
        waits = shared.waiting_frame is not None and not shared.is_paused
        return shared.is_stopping or bool(shared.requests) or waits

    def _start_target(self, request: Request, tracker: Tracker) -> None:
        """Start a target on its frame and track it up to the last processed frame."""
        shared = self._shared
        target: Target | None = None
        failure: Exception | None = None
        try:
            target = self._start_and_catch_up(request, tracker)
        except EngineLostError:
            raise
        except Exception as error:
            failure = error
        reason = f"{type(failure).__name__}: {failure}"
        with shared.condition:
            # The target was forgotten meanwhile.
            if shared.is_stopping or shared.requests.in_progress is not request:
                return
            shared.requests.finish(request, "" if target is not None else reason)
            if target is not None:
                shared.table.put(target)
        if target is None:
            _log.error("target %r could not be started", request.target_id, exc_info=failure)
        else:
            what = "searching saved" if request.saved else "tracking"
            _log.info("%s target %r from %s", what, request.target_id, request.box)
        self._outcomes.report()

    def _start_and_catch_up(self, request: Request, tracker: Tracker) -> Target:
        shared = self._shared
        start, image = request.kept, request.kept.frame.image
        if request.saved is not None:
            state = tracker.resume(request.saved, image)
        else:
            (state,) = tracker.start(image, [request.box])
        target = Target(
            request.target_id, state, request.box, start.stream, start.number, start.frame.time
        )
        if request.saved is not None:
            return target
        with shared.condition:
            until = shared.last_taken.number if shared.last_taken else 0
            missed = shared.history.select_between(start.number, until, CATCH_UP_STEPS)
        for kept in missed:
            (result,), (state,) = tracker.step(kept.frame.image, [target.state])
            target.update(result, state, kept.frame.time)
            target.last_number = kept.number
        return target

    def _process_frame(self, kept: KeptFrame, tracker: Tracker, serial: int) -> None:
        """Search all targets on a frame and deliver the result."""
        shared = self._shared
        began_s = shared.clock()
        stages = StageClock()
        with shared.condition:
            shared.last_taken = kept
            shared.table.interrupt_older_streams(kept.stream, shared.stream.start_reason)
            targets = shared.table.select_for_frame(kept, shared.config.search_s)
        try:
            results, states = step_with_retry(
                tracker,
                kept.frame.image,
                [target.state for target in targets],
                stages,
                self._on_out_of_memory,
            )
        except EngineLostError:
            raise
        except Exception as error:
            what = f"frame of stamp {kept.frame.stamp_ns} failed: no result, targets are kept"
            self._record_failure(error, what)
            return
        with shared.condition:
            if shared.is_stopping:
                return
            shared.table.update(targets, results, states, kept.frame)
            now_s = shared.clock()
            shared.record.add_processed_frame(now_s, (now_s - kept.frame.arrived_s) * 1e3)
            answer = FrameResult(
                frame=kept.frame,
                targets=shared.table.report(kept),
                config_serial=serial,
                wait_ms=max((began_s - kept.frame.arrived_s) * 1e3 - kept.frame.convert_ms, 0.0),
                stages_ms=stages.stages_ms,
                counters=shared.record.counters(),
            )
        self._deliver(answer)

    def _on_out_of_memory(self, reason: str) -> None:
        shared = self._shared
        with shared.condition:
            is_first = shared.record.add_memory_retry(shared.clock())
        if is_first:
            _log.warning(
                "engine out of memory, step repeated in two halves: %s; use fewer targets", reason
            )

    def _report_lost_engine(self, error: EngineLostError) -> None:
        """Stop the session: every further call of this engine would fail as well."""
        shared = self._shared
        with shared.condition:
            if shared.is_stopping:
                return
            shared.is_stopping = True
            shared.record.engine_lost = str(error)
            shared.requests.clear(f"engine lost: {error}")
        _log.error("engine lost; no more frames are processed, restart the process: %s", error)
        self._outcomes.report()
        try:
            self._on_lost(str(error))
        except Exception:
            _log.exception("exception in the callback for a lost engine")

    def _deliver(self, answer: FrameResult) -> None:
        shared = self._shared
        try:
            self.on_result(answer)
        except Exception as error:
            with shared.condition:
                shared.record.add_failed_delivery(error)
                is_first = shared.record.errors_in_row == 1
            if is_first:
                _log.exception("exception in the callback for results; this result is lost")

    def _record_failure(self, error: Exception, what: str) -> None:
        """Count a failed frame and log the first failure in a row. Silent after ``stop``."""
        shared = self._shared
        with shared.condition:
            if shared.is_stopping:
                return
            shared.record.add_failed_frame(error)
            is_first = shared.record.errors_in_row == 1
        if is_first:
            _log.error(what, exc_info=error)
