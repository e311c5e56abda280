"""Newest frame in, results out: a mailbox, one worker thread, the table of targets, the health."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siammask_ros.errors import BoxError, EngineLostError, SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session.candidates import Offer, judged
from siammask_ros.session.config import CATCH_UP_STEPS, SessionConfig
from siammask_ros.session.frames import Frame, FrameResult
from siammask_ros.session.halving import step_within_memory
from siammask_ros.session.health import Health, HealthRecord
from siammask_ros.session.requests import MAX_ID_LENGTH, Request, Requests
from siammask_ros.session.stream import History, KeptFrame, Stream
from siammask_ros.session.table import Target, TargetTable
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.tracker import StageClock, Tracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartedTarget:
    """A box that was accepted: its target's id, the box as clipped, the frame it applies to."""

    target_id: str
    box: RotatedBox
    frame: Frame


class Session:
    """Follows targets through a stream of frames; every method may be called from any thread.

    ``on_result`` gets a FrameResult a processed frame, in the worker thread: it must return at
    once. ``on_refusal`` gets the id and reason where an accepted box failed later, ``on_lost``
    the reason why no frame will be answered any more. Call ``stop`` at the end.
    """

    def __init__(
        self,
        tracker: Tracker,
        on_result: Callable[[FrameResult], None],
        config: SessionConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_refusal: Callable[[str, str], None] = lambda target_id, reason: None,
        config_serial: int = 1,
        on_lost: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._tracker = tracker
        self._on_result = on_result
        self._on_refusal = on_refusal
        self._on_lost = on_lost
        self._config = config or SessionConfig()
        self._config_serial = config_serial
        self._clock = clock
        self._wake = threading.Condition()
        self._stream = Stream()
        self._history = History()
        self._waiting: KeptFrame | None = None
        self._taken: KeptFrame | None = None
        self._arrived = 0
        self._requests = Requests()
        self._table = TargetTable()
        self._record = HealthRecord(clock())
        self._paused = False
        self._stopping = False
        self._worker = threading.Thread(target=self._run, name="siammask worker", daemon=True)
        self._worker.start()

    def submit(self, frame: Frame) -> None:
        """Hands in a frame; it replaces the one that still waits. Never blocks on inference."""
        with self._wake:
            if self._stopping:
                return
            self._record.frame_arrived(self._clock())
            if not self._stream.admits(frame, self._config):
                self._record.dropped["out of order"] += 1
                return
            if self._waiting is not None:
                self._record.dropped["replaced"] += 1
            self._arrived += 1
            self._waiting = KeptFrame(frame, self._arrived, self._stream.number)
            self._history.add(self._waiting, self._config)
            followed, config = self._table.statuses(), self._config
            refused = self._requests.arrived(frame, self._history, followed, config)
            for _, reason in refused:
                self._record.last_box_refusal = reason
            self._wake.notify()
        for target_id, reason in refused:
            self._on_refusal(target_id, reason)

    def refuse(self, kind: str, reason: str) -> None:
        """Counts a frame that could not even be handed in."""
        with self._wake:
            self._record.frame_refused(kind, reason)

    def start_target(
        self,
        box: RotatedBox,
        target_id: str = "",
        stamp_ns: int = 0,
        drawn_on: tuple[int, int] | None = None,
    ) -> StartedTarget | None:
        """Follows what ``box`` shows on the frame of this stamp, or, with 0, on the newest.

        ``drawn_on`` is the height and width that the frame must have, where that is known. A
        target of the same id is replaced; an empty id gets a free one. None where the frame is
        still to come: the box then waits for it, and ``on_refusal`` hears if that is in vain.
        Raises BoxError where the box is not usable on that frame, the frame is not kept any more,
        or there are as many targets as allowed.
        """
        with self._wake:
            followed, config = self._table.statuses(), self._config
            try:
                request = self._requests.add(
                    target_id, box, stamp_ns, self._history, followed, config, drawn_on
                )
            except BoxError as error:
                self._record.last_box_refusal = str(error)
                raise
            if request is None:
                return None
            self._record.last_box_refusal = ""
            self._wake.notify()
            return StartedTarget(request.target_id, request.box, request.on.frame)

    def saved_target(self, target_id: str) -> SavedTarget:
        """What to keep of a target in a file; raises SiamMaskError where there is none."""
        with self._wake:
            state, tracker = self._table.state_of(target_id), self._tracker
        if state is None:
            raise SiamMaskError(f"no such target: {target_id[:MAX_ID_LENGTH]!r}")
        return tracker.saved(state)

    def resume_target(self, saved: SavedTarget, target_id: str = "") -> str:
        """Looks for a saved target from the newest frame on: it is LOST until it is found.

        Its id. Raises DataError where it was saved with other weights, and BoxError before the
        first frame and where there are as many targets as allowed.
        """
        with self._wake:
            saved.check_fits(self._tracker.engine)
            followed, config = self._table.statuses(), self._config
            request = self._requests.add_saved(target_id, saved, self._history, followed, config)
            self._wake.notify()
            return request.target_id

    def refuse_box(self, reason: str) -> None:
        """Notes why a box could not even be handed in."""
        with self._wake:
            self._record.last_box_refusal = reason

    def offer(self, boxes: Sequence[RotatedBox], stamp_ns: int = 0, frame_id: str = "") -> Offer:
        """Has lost targets looked for at a detector's boxes, the likeliest first, one a frame.

        They are where to look, no more: a target is taken back there on the same terms as anywhere.
        They take the place of those offered before, and of targets that are not lost nothing
        changes. Raises BoxError as ``judged`` does; a refusal of any box is counted.
        """
        with self._wake:
            newest = self._history.newest
            try:
                offer = judged(
                    boxes, stamp_ns, frame_id, newest.frame if newest else None, self._config
                )
            except BoxError as error:
                self._record.candidates_refused(len(boxes), str(error))
                raise
            self._record.candidates_refused(len(offer.refused), *offer.refused[-1:])
            self._table.offer(offer.boxes)
            return offer

    def refuse_candidates(self, count: int, reason: str) -> None:
        """Counts a detector's boxes that could not even be offered."""
        with self._wake:
            self._record.candidates_refused(count, reason)

    def forget(self, target_id: str) -> bool:
        """Drops a target; False where there is none of this id."""
        with self._wake:
            known = target_id in self._requests.ids(self._table.statuses())
            self._requests.withdraw(target_id)
            self._table.forget(target_id)
            return known

    def reset(self) -> int:
        """Drops all targets; how many there were."""
        with self._wake:
            count = len(self._requests.ids(self._table.statuses()))
            self._requests.clear()
            self._table.clear()
            return count

    def pause(self, paused: bool) -> None:
        """Stops taking up frames, or goes on; the targets stay."""
        with self._wake:
            self._paused = paused
            self._wake.notify()

    def reconfigure(self, tracker: TrackerConfig, session: SessionConfig) -> int:
        """Takes up settings from the next frame on; the serial that its results will carry."""
        with self._wake:
            self._tracker = Tracker(self._tracker.engine, tracker)
            self._config = session
            self._config_serial += 1
            return self._config_serial

    def health(self) -> Health:
        """How it is doing now."""
        with self._wake:
            return self._record.health(
                self._clock(),
                self._config,
                self._config_serial,
                self._paused,
                self._table.statuses(),
            )

    def stale(self) -> FrameResult | None:
        """All targets as STALE on the last processed frame, or None while images arrive."""
        health = self.health()
        with self._wake:
            if not health.is_stalled or self._taken is None or not len(self._table):
                return None
            silence_s = health.since_frame_s or 0.0
            frame = self._taken.frame
            targets = self._table.stale(frame, f"no image for {silence_s:.1f} s", silence_s)
            return FrameResult(frame, targets, self._config_serial)

    def stop(self, timeout_s: float = 1.5) -> bool:
        """Ends the worker; False where it still hangs in an inference and was left behind."""
        with self._wake:
            self._stopping = True
            self._waiting = None
            self._wake.notify()
        self._worker.join(timeout_s)
        return not self._worker.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(self._has_work)
                if self._stopping:
                    return
                # One box, then one frame: neither kind can starve the other.
                request = self._requests.begin()
                kept = self._next_frame()
                tracker, serial = self._tracker, self._config_serial
                self._record.inference_since_s = self._clock()
            try:
                if request is not None:
                    self._begin(request, tracker)
                if kept is not None:
                    self._taken = kept
                    self._answer(kept, tracker, serial)
            except EngineLostError as error:
                self._give_up(error)
                return
            with self._wake:
                self._record.inference_since_s = None

    def _next_frame(self) -> KeptFrame | None:
        if self._paused:
            return None
        kept, self._waiting = self._waiting, None
        return kept

    def _has_work(self) -> bool:
        waits = self._waiting is not None and not self._paused
        return self._stopping or bool(self._requests) or waits

    def _begin(self, request: Request, tracker: Tracker) -> None:
        """Starts a target on its frame and catches up with the last one that was answered."""
        target: Target | None = None
        reason = ""
        try:
            target = self._caught_up(request, tracker)
        except EngineLostError:
            raise
        except Exception as error:
            _log.exception("target %r could not be started", request.target_id)
            reason = f"{type(error).__name__}: {error}"
        with self._wake:
            # Forgotten meanwhile: neither its target nor its failure concerns anybody.
            if self._requests.begun is not request:
                return
            self._requests.begun = None
            if target is not None:
                self._table.put(target)
            else:
                self._record.last_box_refusal = reason
        if target is None:
            self._on_refusal(request.target_id, reason)
        else:
            what = "looking for saved" if request.saved else "following"
            _log.info("%s target %r from %s", what, request.target_id, request.box)

    def _caught_up(self, request: Request, tracker: Tracker) -> Target:
        frame, since = request.on.frame, request.on
        if request.saved is not None:
            state = tracker.resume(request.saved, frame.image)
            return Target(request.target_id, state, request.box, since, frame)
        (state,) = tracker.start(frame.image, [request.box])
        target = Target(request.target_id, state, request.box, since, frame)
        with self._wake:
            until = self._taken.number if self._taken else 0
            missed = self._history.between(since.number, until, CATCH_UP_STEPS)
        table = TargetTable()
        for kept in missed:
            results, states = tracker.step(kept.frame.image, [target.state])
            table.update([target], results, states, kept.frame)
            target.since = kept
        return target

    def _answer(self, kept: KeptFrame, tracker: Tracker, serial: int) -> None:
        """Searches all targets on a frame and hands the result on."""
        began_s = self._clock()
        stages = StageClock()
        with self._wake:
            self._table.hold_older_than(kept.stream, self._stream.broken_by)
            targets = self._table.searched_on(kept, self._config.search_s)
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
            with self._wake:
                self._record.frame_failed(error)
                first = self._record.errors_in_row == 1
            if first:
                _log.exception("frame of stamp %d failed", kept.frame.stamp_ns)
            return
        with self._wake:
            if self._stopping:
                return
            self._table.update(targets, results, states, kept.frame)
            now_s = self._clock()
            self._record.frame_processed(now_s, (now_s - kept.frame.arrived_s) * 1e3)
            answer = FrameResult(
                frame=kept.frame,
                targets=self._table.report(kept),
                config_serial=serial,
                wait_ms=max((began_s - kept.frame.arrived_s) * 1e3 - kept.frame.convert_ms, 0.0),
                stages_ms=stages.stages_ms,
                counters=self._record.counters(),
            )
        self._hand_on(answer)

    def _short_of_memory(self, reason: str) -> None:
        with self._wake:
            is_news = self._record.frame_halved(self._clock())
        if is_news:
            _log.warning("targets are searched in two halves: %s", reason)

    def _give_up(self, error: EngineLostError) -> None:
        """Answers nothing any more: whatever is asked of this engine would fail as well."""
        with self._wake:
            self._stopping = True
            self._record.lost = str(error)
            self._record.inference_since_s = None
        _log.error("the engine is lost, its process has to start anew: %s", error)
        self._on_lost(str(error))

    def _hand_on(self, answer: FrameResult) -> None:
        try:
            self._on_result(answer)
        except Exception as error:
            with self._wake:
                self._record.frame_failed(error)
            _log.exception("a result could not be handed on")
