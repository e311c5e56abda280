"""The thread-safe interface of a session: frames and target requests in, results out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siammask_ros.errors import BoxError, SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session.candidates import CandidateCheck, check_candidates
from siammask_ros.session.config import SessionConfig
from siammask_ros.session.frames import Frame, FrameResult
from siammask_ros.session.health import Health
from siammask_ros.session.outcomes import OutcomeReporter
from siammask_ros.session.requests import MAX_ID_LENGTH, OnDone, ignore_outcome
from siammask_ros.session.state import SessionState
from siammask_ros.session.stream import KeptFrame
from siammask_ros.session.worker import Worker
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.tracker import Tracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartedTarget:
    """An accepted box: the id of its target, the clipped box and its frame."""

    target_id: str
    box: RotatedBox
    frame: Frame


class Session:
    """Tracks targets in a stream of frames. Every method may be called from any thread.

    ``on_result`` gets the FrameResult of each processed frame. It runs in the worker thread and
    must return at once. ``on_refusal`` gets id and reason if an accepted box fails later.
    ``on_lost`` gets the reason why no more frames will be processed. Call ``stop`` at the end.
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
        self._shared = SessionState(tracker, config or SessionConfig(), config_serial, clock)
        self._outcomes = OutcomeReporter(self._shared, on_refusal)
        self._worker = Worker(self._shared, on_result, self._outcomes, on_lost)
        self._worker.start()

    def submit(self, frame: Frame) -> None:
        """Submit a frame. It replaces the waiting one. Never blocks on inference."""
        shared = self._shared
        with shared.condition:
            if shared.is_stopping:
                return
            shared.record.add_arrived_frame(shared.clock())
            discarded = shared.stream.take(frame, shared.config)
            if discarded is not None:
                if shared.record.add_discarded_frame(shared.clock(), discarded):
                    _log.warning("image not used: %s", discarded.reason)
                return
            if shared.waiting_frame is not None:
                shared.record.add_replaced_frame(shared.is_paused)
            shared.arrived_count += 1
            shared.waiting_frame = KeptFrame(frame, shared.arrived_count, shared.stream.number)
            shared.history.add(shared.waiting_frame, shared.config)
            active_ids, config = shared.table.statuses(), shared.config
            shared.requests.retry_early(shared.history, active_ids, config)
            shared.condition.notify()
        self._outcomes.report()

    def count_refused_frame(self, kind: str, reason: str) -> None:
        """Count a frame that could not be converted."""
        shared = self._shared
        with shared.condition:
            shared.record.add_refused_frame(shared.clock(), kind, reason)

    def start_target(
        self,
        box: RotatedBox,
        target_id: str = "",
        stamp_ns: int = 0,
        image_size: tuple[int, int] | None = None,
        on_done: OnDone = ignore_outcome,
    ) -> StartedTarget | None:
        """Start a target from ``box`` on the frame of this stamp; 0 means the newest frame.

        ``image_size`` is the height and width that the frame must have, if known. A target with the
        same id is replaced; an empty id is replaced by a free number. Returns None if the frame has
        not arrived yet: the box then waits, a second or ``history_s``, and ``on_refusal`` is called
        if the frame does not arrive. Raises BoxError if the box is not usable on that frame, if the
        frame is no longer kept, or if there are ``max_targets`` targets or boxes that wait, and
        SiamMaskError if the session was stopped or its engine is lost. Otherwise ``on_done`` is
        called once, from any thread, with the id and an empty text when the target has been started
        on its frame, or with the reason why it was not.
        """
        shared = self._shared
        with shared.condition:
            active_ids, config = shared.table.statuses(), shared.config
            _check_running(shared)
            try:
                request = shared.requests.add(
                    target_id,
                    box,
                    stamp_ns,
                    shared.history,
                    active_ids,
                    config,
                    image_size,
                    shared.clock(),
                    on_done,
                )
            except BoxError as error:
                shared.record.add_refused_box(shared.clock(), str(error))
                raise
            shared.condition.notify()
            if request is not None:
                shared.record.clear_refused_box()
        self._outcomes.report()
        if request is None:
            return None
        return StartedTarget(request.target_id, request.box, request.kept.frame)

    def save_target(self, target_id: str) -> SavedTarget:
        """Return what to store of a target; raises SiamMaskError if the id is unknown."""
        shared = self._shared
        with shared.condition:
            state, tracker = shared.table.find_state(target_id), shared.tracker
        if state is None:
            raise SiamMaskError(f"no such target: {target_id[:MAX_ID_LENGTH]!r}")
        return tracker.save(state)

    def resume_target(self, saved: SavedTarget, target_id: str = "") -> str:
        """Restore a saved target and return its id. It is LOST until it is found.

        Raises DataError if it was saved with other weights. Raises BoxError before the first frame
        and if there are ``max_targets`` targets, and SiamMaskError after ``stop``.
        """
        shared = self._shared
        with shared.condition:
            _check_running(shared)
            saved.check_fits(shared.tracker.engine)
            active_ids, config = shared.table.statuses(), shared.config
            request = shared.requests.add_saved(
                target_id, saved, shared.history, active_ids, config
            )
            shared.condition.notify()
        self._outcomes.report()
        return request.target_id

    def report_refused_box(self, reason: str) -> None:
        """Record why a box could not be converted."""
        shared = self._shared
        with shared.condition:
            shared.record.add_refused_box(shared.clock(), reason)

    def offer_candidates(
        self, boxes: Sequence[RotatedBox], stamp_ns: int = 0, frame_id: str = ""
    ) -> CandidateCheck:
        """Search lost targets at detector boxes, in the given order, one per frame.

        A candidate is accepted under the same conditions as any other search result. The boxes
        replace those of the last call and do not affect targets that are not lost. Raises BoxError
        as ``check_candidates`` does. Refused boxes are counted.
        """
        shared = self._shared
        with shared.condition:
            newest = shared.history.newest
            try:
                checked = check_candidates(
                    boxes, stamp_ns, frame_id, newest.frame if newest else None, shared.config
                )
            except BoxError as error:
                shared.record.add_refused_candidates(shared.clock(), len(boxes), str(error))
                raise
            shared.record.add_refused_candidates(
                shared.clock(), len(checked.refused), *checked.refused[-1:]
            )
            shared.table.set_candidates(checked.boxes)
            return checked

    def count_refused_candidates(self, count: int, reason: str) -> None:
        """Count detector boxes that could not be converted."""
        shared = self._shared
        with shared.condition:
            shared.record.add_refused_candidates(shared.clock(), count, reason)

    def forget(self, target_id: str) -> bool:
        """Remove a target, and the boxes with its id that wait; return False if there is none."""
        if not target_id:
            return False
        shared = self._shared
        with shared.condition:
            is_cancelled = shared.requests.cancel(target_id, "forgotten before it was applied")
            is_forgotten = shared.table.forget(target_id)
        self._outcomes.report()
        return is_cancelled or is_forgotten

    def cancel_start(self, on_done: OnDone, reason: str) -> None:
        """Cancel the box that was given with this callback, unless it has been applied."""
        with self._shared.condition:
            self._shared.requests.cancel_by_caller(on_done, reason)
        self._outcomes.report()

    def reset(self) -> int:
        """Remove all targets and return their number."""
        shared = self._shared
        with shared.condition:
            count = len(shared.requests.ids(shared.table.statuses()))
            shared.requests.clear("forgotten before it was applied")
            shared.table.clear()
        self._outcomes.report()
        return count

    def set_paused(self, paused: bool) -> None:
        """Stop or resume processing; the targets are kept."""
        shared = self._shared
        with shared.condition:
            shared.is_paused = paused
            shared.condition.notify()

    def reconfigure(self, tracker: TrackerConfig, session: SessionConfig) -> int:
        """Apply parameters from the next frame on; return the serial of its results."""
        shared = self._shared
        with shared.condition:
            shared.tracker = Tracker(shared.tracker.engine, tracker)
            shared.config = session
            shared.config_serial += 1
            return shared.config_serial

    @property
    def newest_image_size(self) -> tuple[int, int] | None:
        """Height and width of the newest frame in pixels, or None before the first frame."""
        with self._shared.condition:
            newest = self._shared.history.newest
        return newest.frame.size if newest is not None else None

    def health(self) -> Health:
        """Return the current health."""
        shared = self._shared
        with shared.condition:
            return shared.record.health(
                shared.clock(),
                shared.config,
                shared.config_serial,
                shared.is_paused,
                shared.table.statuses(),
            )

    def build_stale_result(self) -> FrameResult | None:
        """Return all targets as STALE on the last processed frame, or None while images arrive."""
        shared = self._shared
        health = self.health()
        with shared.condition:
            if not health.is_stalled or shared.last_taken is None or not len(shared.table):
                return None
            silence_s = health.since_frame_s or 0.0
            frame = shared.last_taken.frame
            targets = shared.table.build_stale(frame, f"no image for {silence_s:.1f} s", silence_s)
            return FrameResult(frame, targets, shared.config_serial)

    def stop(self, timeout_s: float = 1.5) -> bool:
        """End the worker; return False if it still hangs in an inference.

        A hanging worker is abandoned together with its engine. Do not use that engine again.
        """
        shared = self._shared
        with shared.condition:
            shared.is_stopping = True
            shared.waiting_frame = None
            shared.requests.clear("the tracker was stopped before the box was applied")
            shared.condition.notify()
        self._outcomes.report()
        self._worker.join(timeout_s)
        if self._worker.is_alive():
            shared.tracker.engine.abandon()
            return False
        return True


def _check_running(shared: SessionState) -> None:
    """Raise SiamMaskError if the worker has ended: a request would wait for ever."""
    if shared.is_stopping:
        reason = shared.record.engine_lost
        raise SiamMaskError(f"engine lost: {reason}" if reason else "the tracker was stopped")
