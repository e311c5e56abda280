"""The lines of JSON in which targets are written down, by every part of the package alike.

docs/tracks.md describes the fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.drawing import DrawnTarget

Row = dict[str, Any]

KIND = "tracks"


def frame_row(
    targets: Sequence[Row],
    *,
    frame: int | None,
    stamp_s: float,
    stamp_ns: int | None,
    file: str = "",
    answered: bool = True,
    age_ms: float | None = None,
) -> Row:
    """The row of one frame; ``targets`` come from ``target_row``.

    ``frame`` is its number in the source, ``stamp_s`` its time since the first frame, ``stamp_ns``
    the stamp of its message, ``file`` the name of its image in a folder. ``answered`` is False for
    a frame that the tracker left out; ``age_ms`` is how old the answer was when it left the
    tracker. None if unknown.
    """
    return {
        "kind": KIND,
        "frame": frame,
        "stamp_s": stamp_s,
        "stamp_ns": stamp_ns,
        "file": file,
        "answered": answered,
        "age_ms": age_ms,
        "targets": list(targets),
    }


def target_row(target: DrawnTarget, box: RotatedBox, mask_area_px: int) -> Row:
    """One target of a frame with its box; all coordinates in pixels of the image."""
    return {
        "id": target.target_id,
        "state": target.state,
        "reason": target.reason,
        "score": target.score,
        "box": box_row(box),
        "corners": box.corners_xy,
        "contours": list(target.contours),
        "mask_area_px": mask_area_px,
    }


def box_row(box: RotatedBox) -> Row:
    """A rotated box."""
    return {
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "theta": box.theta,
    }


def box_of_corners(corners_xy: NDArray[Any]) -> RotatedBox:
    """The rotated box whose ``corners_xy`` (4, 2) these are."""
    corners = np.asarray(corners_xy, np.float64)
    x, y = corners.mean(axis=0)
    along, down = corners[1] - corners[0], corners[3] - corners[0]
    theta = math.atan2(along[1], along[0])
    return RotatedBox(float(x), float(y), float(np.hypot(*along)), float(np.hypot(*down)), theta)
