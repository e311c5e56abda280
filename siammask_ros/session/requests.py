"""Boxes on their way to becoming targets: checked, waiting for their frame or for the worker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, checked_init_box
from siammask_ros.session.config import SessionConfig
from siammask_ros.session.frames import Frame
from siammask_ros.session.stream import History, KeptFrame
from siammask_ros.tracker.saved_target import SavedTarget

MAX_ID_LENGTH = 64

# A box waits at least so long for the image that it was drawn on.
MIN_WAIT_FOR_FRAME_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A box as clipped to the frame that it is for, and the id that its target will have.

    ``saved``, where given, is the target itself, known from an earlier run; ``box`` is then only
    where it was.
    """

    target_id: str
    box: RotatedBox
    on: KeptFrame
    saved: SavedTarget | None = None


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A box that came before the frame it was drawn on; ``came_s`` on the session's clock."""

    target_id: str
    box: RotatedBox
    stamp_ns: int
    drawn_on: tuple[int, int] | None
    came_s: float


class Requests:
    """The boxes that wait. Not thread-safe: its session locks.

    ``followed`` is always the ids of the targets there are. ``begun`` is the request that the
    worker is at, or None where it was withdrawn meanwhile.
    """

    def __init__(self) -> None:
        self.begun: Request | None = None
        self._waiting: dict[str, Request] = {}
        self._ahead: list[_Ahead] = []
        self._ids_given = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(
        self,
        target_id: str,
        box: RotatedBox,
        stamp_ns: int,
        history: History,
        followed: Collection[str],
        config: SessionConfig,
        drawn_on: tuple[int, int] | None = None,
        now_s: float = 0.0,
    ) -> Request | None:
        """Takes a box for the worker; None where it waits for its frame, see ``expired``.

        A later box of the same id replaces an earlier one. Raises BoxError where it is refused.
        """
        if self._is_ahead(stamp_ns, history, config):
            self._ahead.append(_Ahead(target_id, box, stamp_ns, drawn_on, now_s))
            return None
        kept = _frame_of(stamp_ns, history, config)
        _check_same_size(drawn_on, kept.frame)
        height, width = kept.frame.size
        box = checked_init_box(box, width, height)
        return self._put(target_id, box, kept, followed, config)

    def add_saved(
        self,
        target_id: str,
        saved: SavedTarget,
        history: History,
        followed: Collection[str],
        config: SessionConfig,
    ) -> Request:
        """Takes a saved target for the worker, from the newest frame on; raises as ``add``."""
        kept = _frame_of(0, history, config)
        return self._put(target_id, saved.box, kept, followed, config, saved)

    def _put(
        self,
        target_id: str,
        box: RotatedBox,
        kept: KeptFrame,
        followed: Collection[str],
        config: SessionConfig,
        saved: SavedTarget | None = None,
    ) -> Request:
        known = self.ids(followed)
        _check_room(target_id, known, config)
        request = Request(target_id or self._free_id(known), box, kept, saved)
        self._waiting[request.target_id] = request
        return request

    def arrived(
        self, frame: Frame, history: History, followed: Collection[str], config: SessionConfig
    ) -> list[tuple[str, str]]:
        """Takes the boxes that waited for this frame; ids and reasons of those refused.

        One whose frame cannot be on its way, now that this one is here, is refused as well.
        """
        waiting, self._ahead = self._ahead, []
        refused = (
            (ahead.target_id, self._tried_again(ahead, history, followed, config))
            for ahead in waiting
        )
        return [(target_id, reason) for target_id, reason in refused if reason]

    def _tried_again(
        self, ahead: _Ahead, history: History, followed: Collection[str], config: SessionConfig
    ) -> str:
        """Takes a box that waited, or has it wait on; why it is refused, or nothing."""
        box, stamp_ns, drawn_on, came_s = ahead.box, ahead.stamp_ns, ahead.drawn_on, ahead.came_s
        try:
            self.add(ahead.target_id, box, stamp_ns, history, followed, config, drawn_on, came_s)
        except BoxError as error:
            return str(error)
        return ""

    @property
    def has_waiting_for_frames(self) -> bool:
        """Whether boxes came before the frames they were drawn on."""
        return bool(self._ahead)

    def expired(self, now_s: float, config: SessionConfig) -> list[tuple[str, str]]:
        """Drops the boxes whose frames have not come in time; their ids and reasons."""
        wait_s = max(config.history_s, MIN_WAIT_FOR_FRAME_S)
        late = [ahead for ahead in self._ahead if now_s - ahead.came_s >= wait_s]
        self._ahead = [ahead for ahead in self._ahead if ahead not in late]
        return [
            (
                ahead.target_id,
                f"no image of stamp {ahead.stamp_ns / 1e9:.9f} s came within {wait_s:g} s; "
                "expected the stamp of an image, or 0 for the newest",
            )
            for ahead in late
        ]

    def begin(self) -> Request | None:
        """The next one for the worker, or None."""
        target_id = next(iter(self._waiting), None)
        self.begun = None if target_id is None else self._waiting.pop(target_id)
        return self.begun

    def withdraw(self, target_id: str) -> None:
        """Drops whatever waits or is begun under this id."""
        self._waiting.pop(target_id, None)
        self._ahead = [ahead for ahead in self._ahead if ahead.target_id != target_id]
        if self.begun is not None and self.begun.target_id == target_id:
            self.begun = None

    def clear(self) -> None:
        """Drops all."""
        self._waiting.clear()
        self._ahead.clear()
        self.begun = None

    def ids(self, followed: Collection[str]) -> set[str]:
        """The ids of the targets there are and of those to come."""
        begun = {self.begun.target_id} if self.begun else set()
        return {*followed, *self._waiting, *begun}

    def _is_ahead(self, stamp_ns: int, history: History, config: SessionConfig) -> bool:
        """Whether the frame of this stamp may be on its way; messages keep no common order."""
        if stamp_ns == 0 or len(self._ahead) >= config.max_targets:
            return False
        newest = history.newest
        if newest is None:
            return True
        return 0 < (stamp_ns - newest.frame.stamp_ns) / 1e9 <= config.history_s

    def _free_id(self, known: set[str]) -> str:
        while True:
            self._ids_given += 1
            if str(self._ids_given) not in known:
                return str(self._ids_given)


def _frame_of(stamp_ns: int, history: History, config: SessionConfig) -> KeptFrame:
    newest = history.newest
    if newest is None:
        raise BoxError("no image has arrived yet; expected one to draw a box on")
    kept = newest if stamp_ns == 0 else history.stamped(stamp_ns)
    if kept is None:
        offset_s = (stamp_ns - newest.frame.stamp_ns) / 1e9
        where = f"{abs(offset_s):.2f} s {'after' if offset_s > 0 else 'before'} the newest"
        raise BoxError(
            f"the image of stamp {stamp_ns / 1e9:.9f} s is not kept ({where}); expected one of "
            f"the last {config.history_s:g} s, or stamp 0"
        )
    return kept


def _check_same_size(drawn_on: tuple[int, int] | None, frame: Frame) -> None:
    if drawn_on is not None and drawn_on != frame.size:
        (height, width), (rows, columns) = frame.size, drawn_on
        raise BoxError(
            f"mask is {columns}×{rows} px and the image {width}×{height}; expected one of the same "
            "size"
        )


def _check_room(target_id: str, known: set[str], config: SessionConfig) -> None:
    if len(target_id) > MAX_ID_LENGTH:
        raise BoxError(f"id has {len(target_id)} characters; expected at most {MAX_ID_LENGTH}")
    if target_id not in known and len(known) >= config.max_targets:
        raise BoxError(
            f"{config.max_targets} targets are followed already, as many as max_targets allows; "
            "forget one first"
        )
