"""Detector boxes that show where a lost target may be: validation, and the order of checking."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, overlaps_xywh, validate_init_box
from siammask_ros.session.config import MAX_CANDIDATES, RETRY_CANDIDATE_S, SessionConfig
from siammask_ros.session.frames import Frame, FrameTime

# Boxes with at least this overlap (IoU) are the same object.
_SAME_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class CandidateCheck:
    """The usable boxes, clipped to the image, and why the others were refused."""

    boxes: tuple[RotatedBox, ...]
    refused: tuple[str, ...] = ()


def check_candidates(
    boxes: Sequence[RotatedBox],
    stamp_ns: int,
    frame_id: str,
    newest: Frame | None,
    config: SessionConfig,
) -> CandidateCheck:
    """Check each box on its own and return the usable ones.

    The boxes need not belong to a kept frame. Their stamp must be at most ``history_s`` away from
    the newest image; a stamp of 0 means the newest. Raises BoxError if all boxes are refused: too
    many, too old, of another camera, or before the first image.
    """
    if newest is None:
        raise BoxError("no image has arrived yet; expected one that the boxes are on")
    if len(boxes) > MAX_CANDIDATES:
        raise BoxError(f"{len(boxes)} boxes at once; expected at most {MAX_CANDIDATES}")
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
    checked = [_check_box(box, width, height) for box in boxes]
    usable = tuple(box for box in checked if isinstance(box, RotatedBox))
    return CandidateCheck(usable, tuple(why for why in checked if isinstance(why, str)))


def _check_box(box: RotatedBox, width_px: int, height_px: int) -> RotatedBox | str:
    """Return the box clipped to the image, or why it is refused."""
    try:
        return validate_init_box(box, width_px, height_px)
    except BoxError as error:
        return str(error)


@dataclass(slots=True)
class _CheckedBox:
    """A box where the target was searched; ``rejected_at`` is set if it was not found there."""

    bounds_xywh: NDArray[np.float64]
    rejected_at: FrameTime | None = None


class CandidateQueue:
    """The boxes where one lost target is still to be searched, most likely first.

    Detectors send the same objects with every image. A box where the target was not found is
    skipped for ``RETRY_CANDIDATE_S``, even if it moves slightly between two messages. The other
    boxes are checked meanwhile.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[RotatedBox, NDArray[np.float64]]] = deque()
        self._checked_boxes: deque[_CheckedBox] = deque(maxlen=MAX_CANDIDATES)
        self._used_last_frame = False

    def clear(self) -> None:
        """Remove all boxes and what is known about them, because the target is no longer lost."""
        self._waiting.clear()
        self._checked_boxes.clear()
        self._used_last_frame = False

    def replace(self, boxes: Sequence[RotatedBox], bounds_xywh: NDArray[np.float64]) -> None:
        """Replace the waiting boxes; ``bounds_xywh`` (n, 4) are their axis-aligned bounds."""
        self._waiting = deque(zip(boxes, bounds_xywh, strict=True))
        if not self._checked_boxes or not self._waiting:
            return
        overlaps = overlaps_xywh(self._bounds_of_checked(), bounds_xywh)
        for checked, row in zip(self._checked_boxes, overlaps, strict=True):
            best = int(row.argmax())
            if row[best] >= _SAME_OVERLAP:
                checked.bounds_xywh = bounds_xywh[best]

    def take(self, now: FrameTime, alternate: bool) -> RotatedBox | None:
        """Return the next box to check on this frame, or None.

        With ``alternate``, return one on at most every second frame, so that the tracker's own
        search gets the other frames.
        """
        if alternate and self._used_last_frame:
            self._used_last_frame = False
            return None
        self._remove_old(now)
        while self._waiting:
            box, bounds_xywh = self._waiting.popleft()
            if not self._is_already_checked(bounds_xywh):
                self._checked_boxes.append(_CheckedBox(bounds_xywh))
                self._used_last_frame = True
                return box
        return None

    def reject(self, now: FrameTime) -> None:
        """Record that the target was not found at the box that was taken last."""
        if self._checked_boxes and self._checked_boxes[-1].rejected_at is None:
            self._checked_boxes[-1].rejected_at = now

    def _remove_old(self, now: FrameTime) -> None:
        while self._checked_boxes and (
            self._checked_boxes[0].rejected_at is None
            or now.seconds_since(self._checked_boxes[0].rejected_at) > RETRY_CANDIDATE_S
        ):
            self._checked_boxes.popleft()

    def _is_already_checked(self, bounds_xywh: NDArray[np.float64]) -> bool:
        if not self._checked_boxes:
            return False
        return bool(
            (overlaps_xywh(self._bounds_of_checked(), bounds_xywh[None]) >= _SAME_OVERLAP).any()
        )

    def _bounds_of_checked(self) -> NDArray[np.float64]:
        return np.stack([checked.bounds_xywh for checked in self._checked_boxes])
