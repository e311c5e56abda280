"""A detector's boxes, where lost targets may be: judged before anything looks there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, checked_init_box
from siammask_ros.session.config import MOST_CANDIDATES, SessionConfig
from siammask_ros.session.frames import Frame


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
