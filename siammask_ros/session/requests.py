"""Boxes that are not targets yet: they wait for their frame or for the worker."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box
from siammask_ros.session.config import SessionConfig
from siammask_ros.session.frames import Frame
from siammask_ros.session.stream import History, KeptFrame
from siammask_ros.tracker.saved_target import SavedTarget

MAX_ID_LENGTH = 64

OnDone = Callable[[str, str], None]


def ignore_outcome(target_id: str, reason: str) -> None:
    """Do nothing: the caller does not need the outcome of its request."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a request: its target is tracked if ``reason`` is empty.

    ``is_refusal`` is False if the request was only cancelled, by its caller or by a newer one.
    """

    target_id: str
    on_done: OnDone
    reason: str = ""
    is_refusal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A box clipped to its frame, and the id of the future target.

    With ``saved`` the target is restored from an earlier run, and ``box`` is only its last box.
    """

    target_id: str
    box: RotatedBox
    kept: KeptFrame
    saved: SavedTarget | None = None
    on_done: OnDone = ignore_outcome


@dataclass(frozen=True, slots=True)
class _EarlyBox:
    """A box that arrived before its frame; ``arrived_s`` is on the session's clock."""

    target_id: str
    box: RotatedBox
    stamp_ns: int
    image_size: tuple[int, int] | None
    arrived_s: float
    on_done: OnDone


class Requests:
    """The boxes that wait. Not thread-safe: the session locks.

    ``active_ids`` are the ids of the existing targets. ``in_progress`` is the request that the
    worker processes, or None if it was cancelled meanwhile. ``take_outcomes`` returns how requests
    ended.
    """

    def __init__(self) -> None:
        self.in_progress: Request | None = None
        self._waiting: dict[str, Request] = {}
        self._early: list[_EarlyBox] = []
        self._outcomes: list[Outcome] = []
        self._last_id = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(
        self,
        target_id: str,
        box: RotatedBox,
        stamp_ns: int,
        history: History,
        active_ids: Collection[str],
        config: SessionConfig,
        image_size: tuple[int, int] | None = None,
        now_s: float = 0.0,
        on_done: OnDone = ignore_outcome,
    ) -> Request | None:
        """Queue a box for the worker. Return None if it has to wait for its frame.

        A later box with the same id replaces an earlier one. Raises BoxError if the box is refused,
        or if ``max_targets`` boxes wait for their frames already.
        """
        if _is_early(stamp_ns, history, config):
            if len(self._early) >= config.max_targets:
                raise BoxError(
                    f"{len(self._early)} boxes already wait for their images, as many as "
                    "max_targets allows"
                )
            early = _EarlyBox(target_id, box, stamp_ns, image_size, now_s, on_done)
            self._early.append(early)
            return None
        kept = _find_frame(stamp_ns, history, config)
        _check_image_size(image_size, kept.frame)
        height, width = kept.frame.size
        box = validate_init_box(box, width, height)
        return self._enqueue(target_id, box, kept, active_ids, config, on_done=on_done)

    def add_saved(
        self,
        target_id: str,
        saved: SavedTarget,
        history: History,
        active_ids: Collection[str],
        config: SessionConfig,
    ) -> Request:
        """Queue a saved target for the worker, to be searched from the newest frame on.

        Raises BoxError as ``add`` does.
        """
        kept = _find_frame(0, history, config)
        return self._enqueue(target_id, saved.box, kept, active_ids, config, saved)

    def _enqueue(
        self,
        target_id: str,
        box: RotatedBox,
        kept: KeptFrame,
        active_ids: Collection[str],
        config: SessionConfig,
        saved: SavedTarget | None = None,
        on_done: OnDone = ignore_outcome,
    ) -> Request:
        ids_in_use = self.ids(active_ids)
        _check_limits(target_id, ids_in_use, config)
        target_id = target_id or self._next_free_id(ids_in_use)
        request = Request(target_id, box, kept, saved, on_done)
        self._cancel_waiting(target_id, "replaced by a newer box for this id")
        self._waiting[request.target_id] = request
        return request

    def retry_early(
        self, history: History, active_ids: Collection[str], config: SessionConfig
    ) -> None:
        """Queue the waiting boxes whose frame has arrived.

        A box is refused if its frame can no longer arrive.
        """
        waiting, self._early = self._early, []
        for early in waiting:
            self._retry(early, history, active_ids, config)

    def _retry(
        self, early: _EarlyBox, history: History, active_ids: Collection[str], config: SessionConfig
    ) -> None:
        """Queue a waiting box, refuse it or let it wait."""
        try:
            self.add(
                early.target_id,
                early.box,
                early.stamp_ns,
                history,
                active_ids,
                config,
                early.image_size,
                early.arrived_s,
                early.on_done,
            )
        except BoxError as error:
            self._end(early, str(error), is_refusal=True)

    @property
    def has_early_boxes(self) -> bool:
        """Whether boxes wait for their frames."""
        return bool(self._early)

    def remove_expired(self, now_s: float, config: SessionConfig) -> None:
        """Refuse the boxes whose frames did not arrive in time."""
        wait_s = config.early_box_wait_s
        late = [early for early in self._early if now_s - early.arrived_s >= wait_s]
        self._early = [early for early in self._early if early not in late]
        for early in late:
            reason = (
                f"no image of stamp {early.stamp_ns / 1e9:.9f} s came within {wait_s:g} s; "
                "expected the stamp of an image, or 0 for the newest"
            )
            self._end(early, reason, is_refusal=True)

    def take_next(self) -> Request | None:
        """Return the next request for the worker, or None."""
        target_id = next(iter(self._waiting), None)
        self.in_progress = None if target_id is None else self._waiting.pop(target_id)
        return self.in_progress

    def finish(self, request: Request, failure: str = "") -> None:
        """End the request in progress: its target is tracked, or ``failure`` says why not."""
        self.in_progress = None
        self._end(request, failure, is_refusal=bool(failure))

    def cancel(self, target_id: str, reason: str) -> bool:
        """Remove every request with this id; return whether there was one."""
        before = len(self._outcomes)
        self._cancel_waiting(target_id, reason)
        for early in [early for early in self._early if early.target_id == target_id]:
            self._early.remove(early)
            self._end(early, reason)
        if self.in_progress is not None and self.in_progress.target_id == target_id:
            self._end(self.in_progress, reason)
            self.in_progress = None
        return len(self._outcomes) > before

    def cancel_by_caller(self, on_done: OnDone, reason: str) -> None:
        """Remove the request that was added with this callback."""
        waiting = [request for request in self._waiting.values() if request.on_done == on_done]
        for request in waiting:
            self._cancel_waiting(request.target_id, reason)
        for early in [early for early in self._early if early.on_done == on_done]:
            self._early.remove(early)
            self._end(early, reason)
        if self.in_progress is not None and self.in_progress.on_done == on_done:
            self._end(self.in_progress, reason)
            self.in_progress = None

    def clear(self, reason: str) -> None:
        """Remove all requests."""
        in_progress = (self.in_progress,) if self.in_progress is not None else ()
        for request in (*self._waiting.values(), *self._early, *in_progress):
            self._end(request, reason)
        self._waiting.clear()
        self._early.clear()
        self.in_progress = None

    def take_outcomes(self) -> list[Outcome]:
        """Return the outcomes since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def _cancel_waiting(self, target_id: str, reason: str) -> None:
        request = self._waiting.pop(target_id, None)
        if request is not None:
            self._end(request, reason)

    def _end(self, request: Request | _EarlyBox, reason: str, is_refusal: bool = False) -> None:
        self._outcomes.append(Outcome(request.target_id, request.on_done, reason, is_refusal))

    def ids(self, active_ids: Collection[str]) -> set[str]:
        """Return the ids of the existing and of the requested targets."""
        in_progress = {self.in_progress.target_id} if self.in_progress else set()
        return {*active_ids, *self._waiting, *in_progress}

    def _next_free_id(self, ids_in_use: set[str]) -> str:
        while True:
            self._last_id += 1
            if str(self._last_id) not in ids_in_use:
                return str(self._last_id)


def _is_early(stamp_ns: int, history: History, config: SessionConfig) -> bool:
    """Return whether the frame of this stamp may still arrive: topics are not ordered."""
    newest = history.newest
    if stamp_ns == 0 or newest is None:
        return stamp_ns != 0
    return 0 < (stamp_ns - newest.frame.stamp_ns) / 1e9 <= config.history_s


def _find_frame(stamp_ns: int, history: History, config: SessionConfig) -> KeptFrame:
    newest = history.newest
    if newest is None:
        raise BoxError("no image has arrived yet; expected one to draw a box on")
    kept = newest if stamp_ns == 0 else history.find(stamp_ns)
    if kept is None:
        offset_s = (stamp_ns - newest.frame.stamp_ns) / 1e9
        where = f"{abs(offset_s):.2f} s {'after' if offset_s > 0 else 'before'} the newest"
        raise BoxError(
            f"the image of stamp {stamp_ns / 1e9:.9f} s is not kept ({where}); expected one of "
            f"the last {config.history_s:g} s, or stamp 0"
        )
    return kept


def _check_image_size(image_size: tuple[int, int] | None, frame: Frame) -> None:
    if image_size is not None and image_size != frame.size:
        (height, width), (rows, columns) = frame.size, image_size
        raise BoxError(
            f"mask is {columns}×{rows} px and the image {width}×{height}; expected one of the same "
            "size"
        )


def _check_limits(target_id: str, ids_in_use: set[str], config: SessionConfig) -> None:
    if len(target_id) > MAX_ID_LENGTH:
        raise BoxError(f"id has {len(target_id)} characters; expected at most {MAX_ID_LENGTH}")
    if target_id not in ids_in_use and len(ids_in_use) >= config.max_targets:
        raise BoxError(
            f"{config.max_targets} targets are already active, as many as max_targets allows; "
            "forget one first"
        )
