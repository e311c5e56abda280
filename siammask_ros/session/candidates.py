"""A detector's boxes, where lost targets may be: which are usable, and which is looked at next."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, checked_init_box, overlaps_xywh
from siammask_ros.session.config import MOST_CANDIDATES, RETRY_CANDIDATE_S, SessionConfig
from siammask_ros.session.frames import Frame, FrameTime

# Boxes of two images that overlap by so much are of one thing that moved a little.
_SAME_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of a detector's boxes: the usable ones, as clipped, and why others are not."""

    boxes: tuple[RotatedBox, ...]
    refused: tuple[str, ...] = ()


def judged(
    boxes: Sequence[RotatedBox],
    stamp_ns: int,
    frame_id: str,
    newest: Frame | None,
    config: SessionConfig,
) -> Offer:
    """The boxes that a tracker can look at, each judged by itself.

    They only say where to look, so they need not be of a frame that is kept, but of the last
    ``history_s`` or of a frame that is on its way; a stamp of 0 is the newest. Raises BoxError
    where none of them can be used: too many, too old, of another camera, or before any image.
    """
    if newest is None:
        raise BoxError("no image has arrived yet; expected one that the boxes are on")
    if len(boxes) > MOST_CANDIDATES:
        raise BoxError(f"{len(boxes)} boxes at once; expected at most {MOST_CANDIDATES}")
    if frame_id and newest.frame_id and frame_id != newest.frame_id:
        raise BoxError(
            f"boxes are of frame {frame_id[:40]!r} and the images of {newest.frame_id[:40]!r}; "
            "expected boxes of the same camera"
        )
    if stamp_ns and newest.stamp_ns:
        offset_s = abs(newest.stamp_ns - stamp_ns) / 1e9
        if offset_s > config.history_s:
            raise BoxError(
                f"boxes are {offset_s:.2f} s from the newest image; expected at most "
                f"{config.history_s:g} s (history_s), or stamp 0"
            )
    height, width = newest.size
    judged_boxes = [_judged(box, width, height) for box in boxes]
    usable = tuple(box for box in judged_boxes if isinstance(box, RotatedBox))
    return Offer(usable, tuple(why for why in judged_boxes if isinstance(why, str)))


def _judged(box: RotatedBox, width_px: int, height_px: int) -> RotatedBox | str:
    """The box as a tracker can look at it, or why it cannot."""
    try:
        return checked_init_box(box, width_px, height_px)
    except BoxError as error:
        return str(error)


@dataclass(slots=True)
class _Looked:
    """Where the target was looked for; ``rejected_at`` once it is known not to be there."""

    bounds_xywh: NDArray[np.float64]
    rejected_at: FrameTime | None = None


class CandidateQueue:
    """The boxes at which one lost target is still to be looked for, the likeliest first.

    Detectors send the same things again with every image. What was looked at in vain is left out
    for ``RETRY_CANDIDATE_S``, also where it has moved a little from one offer to the next, so that
    the others get their turn.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[RotatedBox, NDArray[np.float64]]] = deque()
        self._looked: deque[_Looked] = deque(maxlen=MOST_CANDIDATES)
        self._was_taken = False

    def clear(self) -> None:
        """Forgets all of it: the target is not lost."""
        self._waiting.clear()
        self._looked.clear()
        self._was_taken = False

    def offer(self, boxes: Sequence[RotatedBox], bounds_xywh: NDArray[np.float64]) -> None:
        """Takes boxes instead of those that wait; ``bounds_xywh`` (n, 4) are around them."""
        self._waiting = deque(zip(boxes, bounds_xywh, strict=True))
        if not self._looked or not self._waiting:
            return
        overlaps = overlaps_xywh(self._looked_bounds(), bounds_xywh)
        for looked, row in zip(self._looked, overlaps, strict=True):
            best = int(row.argmax())
            if row[best] >= _SAME_OVERLAP:
                looked.bounds_xywh = bounds_xywh[best]

    def take(self, now: FrameTime, alternate: bool) -> RotatedBox | None:
        """The next box to look at on this frame, or None.

        With ``alternate`` at most on every second frame: the others are the search's own.
        """
        if alternate and self._was_taken:
            self._was_taken = False
            return None
        self._forget_old(now)
        while self._waiting:
            box, bounds_xywh = self._waiting.popleft()
            if not self._is_known(bounds_xywh):
                self._looked.append(_Looked(bounds_xywh))
                self._was_taken = True
                return box
        return None

    def reject(self, now: FrameTime) -> None:
        """Notes that the target is not at the box that was taken last."""
        if self._looked and self._looked[-1].rejected_at is None:
            self._looked[-1].rejected_at = now

    def _forget_old(self, now: FrameTime) -> None:
        while self._looked and (
            self._looked[0].rejected_at is None
            or now.seconds_since(self._looked[0].rejected_at) > RETRY_CANDIDATE_S
        ):
            self._looked.popleft()

    def _is_known(self, bounds_xywh: NDArray[np.float64]) -> bool:
        if not self._looked:
            return False
        return bool(
            (overlaps_xywh(self._looked_bounds(), bounds_xywh[None]) >= _SAME_OVERLAP).any()
        )

    def _looked_bounds(self) -> NDArray[np.float64]:
        return np.stack([looked.bounds_xywh for looked in self._looked])
