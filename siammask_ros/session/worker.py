"""The thread of a session: starts targets on their frames, and answers the newest frame."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from siammask_ros.errors import EngineLostError
from siammask_ros.session.config import CATCH_UP_STEPS, EXPIRY_PERIOD_S
from siammask_ros.session.desk import Desk
from siammask_ros.session.frames import FrameResult
from siammask_ros.session.halving import step_within_memory
from siammask_ros.session.requests import Request
from siammask_ros.session.stream import KeptFrame
from siammask_ros.session.table import Target
from siammask_ros.tracker.tracker import StageClock, Tracker

_log = logging.getLogger(__name__)


class Worker(threading.Thread):
    """Works on what lies on the desk until it is told to stop or the engine is lost.

    Computes without holding the desk's lock. The callbacks are those of ``Session``.
    """

    def __init__(
        self,
        desk: Desk,
        on_result: Callable[[FrameResult], None],
        on_refusal: Callable[[str, str], None],
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(name="siammask worker", daemon=True)
        self._desk = desk
        self.on_result = on_result
        self._on_refusal = on_refusal
        self._on_lost = on_lost

    def run(self) -> None:
        """The thread's work."""
        desk = self._desk
        while not desk.stopping:
            try:
                self._turn()
            except EngineLostError as error:
                self._give_up(error)
            except Exception as error:
                # Whatever it was: a thread that ended would answer no frame any more.
                self._note(error, "the worker goes on after an unexpected error")
            with desk.wake:
                desk.record.inference_since_s = None

    def _turn(self) -> None:
        """Waits for work and does one piece of each kind: neither can starve the other."""
        desk = self._desk
        with desk.wake:
            # Nothing wakes it when a box has waited long enough for its frame.
            wait_s = EXPIRY_PERIOD_S if desk.requests.has_waiting_for_frames else None
            if not self._has_work():
                desk.wake.wait(wait_s)
            if desk.stopping:
                return
            expired = desk.requests.expired(desk.clock(), desk.config)
            for _, reason in expired:
                desk.record.box_refused(desk.clock(), reason)
            request = desk.requests.begin()
            kept = self._next_frame()
            tracker, serial = desk.tracker, desk.config_serial
            if request is not None or kept is not None:
                desk.record.inference_since_s = desk.clock()
        for target_id, reason in expired:
            self._tell(self._on_refusal, target_id, reason)
        if request is not None:
            self._begin(request, tracker)
        if kept is not None:
            self._answer(kept, tracker, serial)

    def _next_frame(self) -> KeptFrame | None:
        desk = self._desk
        if desk.paused:
            return None
        kept, desk.waiting = desk.waiting, None
        return kept

    def _has_work(self) -> bool:
        desk = self._desk
        waits = desk.waiting is not None and not desk.paused
        return desk.stopping or bool(desk.requests) or waits

    def _begin(self, request: Request, tracker: Tracker) -> None:
        """Starts a target on its frame and catches up with the last one that was answered."""
        desk = self._desk
        target: Target | None = None
        failure: Exception | None = None
        try:
            target = self._caught_up(request, tracker)
        except EngineLostError:
            raise
        except Exception as error:
            failure = error
        reason = f"{type(failure).__name__}: {failure}"
        with desk.wake:
            # Forgotten meanwhile: neither its target nor its failure concerns anybody.
            if desk.stopping or desk.requests.begun is not request:
                return
            desk.requests.begun = None
            if target is not None:
                desk.table.put(target)
            else:
                desk.record.box_refused(desk.clock(), reason)
        if target is None:
            _log.error("target %r could not be started", request.target_id, exc_info=failure)
            self._tell(self._on_refusal, request.target_id, reason)
        else:
            what = "looking for saved" if request.saved else "following"
            _log.info("%s target %r from %s", what, request.target_id, request.box)

    def _caught_up(self, request: Request, tracker: Tracker) -> Target:
        desk = self._desk
        on, image = request.on, request.on.frame.image
        if request.saved is not None:
            state = tracker.resume(request.saved, image)
        else:
            (state,) = tracker.start(image, [request.box])
        target = Target(request.target_id, state, request.box, on.stream, on.number, on.frame.time)
        if request.saved is not None:
            return target
        with desk.wake:
            until = desk.taken.number if desk.taken else 0
            missed = desk.history.between(on.number, until, CATCH_UP_STEPS)
        for kept in missed:
            (result,), (state,) = tracker.step(kept.frame.image, [target.state])
            target.take_up(result, state, kept.frame.time)
            target.since = kept.number
        return target

    def _answer(self, kept: KeptFrame, tracker: Tracker, serial: int) -> None:
        """Searches all targets on a frame and hands the result on."""
        desk = self._desk
        began_s = desk.clock()
        stages = StageClock()
        with desk.wake:
            desk.taken = kept
            desk.table.hold_older_than(kept.stream, desk.stream.broken_by)
            targets = desk.table.searched_on(kept, desk.config.search_s)
        try:
            results, states = step_within_memory(
                tracker,
                kept.frame.image,
                [target.state for target in targets],
                stages,
                self._short_of_memory,
            )
        except EngineLostError:
            raise
        except Exception as error:
            self._note(error, f"frame of stamp {kept.frame.stamp_ns} failed")
            return
        with desk.wake:
            if desk.stopping:
                return
            desk.table.update(targets, results, states, kept.frame)
            now_s = desk.clock()
            desk.record.frame_processed(now_s, (now_s - kept.frame.arrived_s) * 1e3)
            answer = FrameResult(
                frame=kept.frame,
                targets=desk.table.report(kept),
                config_serial=serial,
                wait_ms=max((began_s - kept.frame.arrived_s) * 1e3 - kept.frame.convert_ms, 0.0),
                stages_ms=stages.stages_ms,
                counters=desk.record.counters(),
            )
        self._hand_on(answer)

    def _short_of_memory(self, reason: str) -> None:
        desk = self._desk
        with desk.wake:
            is_news = desk.record.frame_halved(desk.clock())
        if is_news:
            _log.warning("targets are searched in two halves: %s", reason)

    def _give_up(self, error: EngineLostError) -> None:
        """Answers nothing any more: whatever is asked of this engine would fail as well."""
        desk = self._desk
        with desk.wake:
            if desk.stopping:
                return
            desk.stopping = True
            desk.record.lost = str(error)
        _log.error("the engine is lost, its process has to start anew: %s", error)
        self._tell(self._on_lost, str(error))

    def _hand_on(self, answer: FrameResult) -> None:
        desk = self._desk
        try:
            self.on_result(answer)
        except Exception as error:
            with desk.wake:
                desk.record.answer_failed(error)
                is_first = desk.record.errors_in_row == 1
            if is_first:
                _log.exception("a result could not be handed on")

    def _note(self, error: Exception, what: str) -> None:
        """Counts a frame that failed, and logs the first in a row; what was left behind is mute."""
        desk = self._desk
        with desk.wake:
            if desk.stopping:
                return
            desk.record.frame_failed(error)
            is_first = desk.record.errors_in_row == 1
        if is_first:
            _log.error(what, exc_info=error)

    def _tell(self, callback: Callable[..., None], *arguments: str) -> None:
        """Calls one of the owner's callbacks, whose errors are the owner's."""
        try:
            callback(*arguments)
        except Exception:
            _log.exception("a callback of the session failed")
