"""Newest frame in, results out: what may be asked of a session, from any thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siammask_ros.errors import BoxError, SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session.candidates import Offer, judged
from siammask_ros.session.config import SessionConfig
from siammask_ros.session.desk import Desk
from siammask_ros.session.frames import Frame, FrameResult
from siammask_ros.session.health import Health
from siammask_ros.session.requests import MAX_ID_LENGTH
from siammask_ros.session.stream import KeptFrame
from siammask_ros.session.worker import Worker
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.tracker import Tracker

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
        self._desk = Desk(tracker, config or SessionConfig(), config_serial, clock)
        self._on_refusal = on_refusal
        self._worker = Worker(self._desk, on_result, on_refusal, on_lost)
        self._worker.start()

    def submit(self, frame: Frame) -> None:
        """Hands in a frame; it replaces the one that still waits. Never blocks on inference."""
        desk = self._desk
        with desk.wake:
            if desk.stopping:
                return
            desk.record.frame_arrived(desk.clock())
            discarded = desk.stream.take(frame, desk.config)
            if discarded is not None:
                if desk.record.frame_discarded(desk.clock(), discarded):
                    _log.warning("image not used: %s", discarded.reason)
                return
            if desk.waiting is not None:
                desk.record.frame_replaced(desk.paused)
            desk.arrived += 1
            desk.waiting = KeptFrame(frame, desk.arrived, desk.stream.number)
            desk.history.add(desk.waiting, desk.config)
            followed, config = desk.table.statuses(), desk.config
            refused = desk.requests.arrived(frame, desk.history, followed, config)
            for _, reason in refused:
                desk.record.box_refused(desk.clock(), reason)
            desk.wake.notify()
        for target_id, reason in refused:
            self._on_refusal(target_id, reason)

    def refuse(self, kind: str, reason: str) -> None:
        """Counts a frame that could not even be handed in."""
        desk = self._desk
        with desk.wake:
            desk.record.frame_refused(desk.clock(), kind, reason)

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
        still to come: the box then waits for it, a second or ``history_s``, and ``on_refusal``
        hears if that is in vain.
        Raises BoxError where the box is not usable on that frame, the frame is not kept any more,
        or there are as many targets as allowed.
        """
        desk = self._desk
        with desk.wake:
            followed, config = desk.table.statuses(), desk.config
            try:
                request = desk.requests.add(
                    target_id, box, stamp_ns, desk.history, followed, config, drawn_on, desk.clock()
                )
            except BoxError as error:
                desk.record.box_refused(desk.clock(), str(error))
                raise
            desk.wake.notify()
            if request is None:
                return None
            desk.record.box_accepted()
            return StartedTarget(request.target_id, request.box, request.on.frame)

    def saved_target(self, target_id: str) -> SavedTarget:
        """What to keep of a target in a file; raises SiamMaskError where there is none."""
        desk = self._desk
        with desk.wake:
            state, tracker = desk.table.state_of(target_id), desk.tracker
        if state is None:
            raise SiamMaskError(f"no such target: {target_id[:MAX_ID_LENGTH]!r}")
        return tracker.saved(state)

    def resume_target(self, saved: SavedTarget, target_id: str = "") -> str:
        """Looks for a saved target from the newest frame on: it is LOST until it is found.

        Its id. Raises DataError where it was saved with other weights, and BoxError before the
        first frame and where there are as many targets as allowed.
        """
        desk = self._desk
        with desk.wake:
            saved.check_fits(desk.tracker.engine)
            followed, config = desk.table.statuses(), desk.config
            request = desk.requests.add_saved(target_id, saved, desk.history, followed, config)
            desk.wake.notify()
            return request.target_id

    def refuse_box(self, reason: str) -> None:
        """Notes why a box could not even be handed in."""
        desk = self._desk
        with desk.wake:
            desk.record.box_refused(desk.clock(), reason)

    def offer(self, boxes: Sequence[RotatedBox], stamp_ns: int = 0, frame_id: str = "") -> Offer:
        """Has lost targets looked for at a detector's boxes, the likeliest first, one a frame.

        They are where to look, no more: a target is taken back there on the same terms as anywhere.
        They take the place of those offered before, and of targets that are not lost nothing
        changes. Raises BoxError as ``judged`` does; a refusal of any box is counted.
        """
        desk = self._desk
        with desk.wake:
            newest = desk.history.newest
            try:
                offer = judged(
                    boxes, stamp_ns, frame_id, newest.frame if newest else None, desk.config
                )
            except BoxError as error:
                desk.record.candidates_refused(desk.clock(), len(boxes), str(error))
                raise
            desk.record.candidates_refused(desk.clock(), len(offer.refused), *offer.refused[-1:])
            desk.table.offer(offer.boxes)
            return offer

    def refuse_candidates(self, count: int, reason: str) -> None:
        """Counts a detector's boxes that could not even be offered."""
        desk = self._desk
        with desk.wake:
            desk.record.candidates_refused(desk.clock(), count, reason)

    def forget(self, target_id: str) -> bool:
        """Drops a target; False where there is none of this id."""
        desk = self._desk
        with desk.wake:
            known = target_id in desk.requests.ids(desk.table.statuses())
            desk.requests.withdraw(target_id)
            desk.table.forget(target_id)
            return known

    def reset(self) -> int:
        """Drops all targets; how many there were."""
        desk = self._desk
        with desk.wake:
            count = len(desk.requests.ids(desk.table.statuses()))
            desk.requests.clear()
            desk.table.clear()
            return count

    def pause(self, paused: bool) -> None:
        """Stops taking up frames, or goes on; the targets stay."""
        desk = self._desk
        with desk.wake:
            desk.paused = paused
            desk.wake.notify()

    def reconfigure(self, tracker: TrackerConfig, session: SessionConfig) -> int:
        """Takes up settings from the next frame on; the serial that its results will carry."""
        desk = self._desk
        with desk.wake:
            desk.tracker = Tracker(desk.tracker.engine, tracker)
            desk.config = session
            desk.config_serial += 1
            return desk.config_serial

    def health(self) -> Health:
        """How it is doing now."""
        desk = self._desk
        with desk.wake:
            return desk.record.health(
                desk.clock(),
                desk.config,
                desk.config_serial,
                desk.paused,
                desk.table.statuses(),
            )

    def stale(self) -> FrameResult | None:
        """All targets as STALE on the last processed frame, or None while images arrive."""
        desk = self._desk
        health = self.health()
        with desk.wake:
            if not health.is_stalled or desk.taken is None or not len(desk.table):
                return None
            silence_s = health.since_frame_s or 0.0
            frame = desk.taken.frame
            targets = desk.table.stale(frame, f"no image for {silence_s:.1f} s", silence_s)
            return FrameResult(frame, targets, desk.config_serial)

    def stop(self, timeout_s: float = 1.5) -> bool:
        """Ends the worker; False where it still hangs in an inference and was left behind.

        Its engine is then abandoned and must not be given to another session.
        """
        desk = self._desk
        with desk.wake:
            desk.stopping = True
            desk.waiting = None
            desk.wake.notify()
        self._worker.join(timeout_s)
        if self._worker.is_alive():
            desk.tracker.engine.abandon()
            return False
        return True
