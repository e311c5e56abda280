"""Starts a target from a detector's boxes while there is none (parameter auto_follow_class)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box

ID_PREFIX = "auto-"


@dataclass(frozen=True, slots=True)
class ScoredBox:
    """A detected object: its box and the score of each class, by class_id."""

    box: RotatedBox
    scores: Mapping[str, float]


def choose_box(
    detected: Sequence[ScoredBox], class_id: str, choice: str, image_size: tuple[int, int]
) -> RotatedBox | None:
    """Return the box of this class to track, or None; ``image_size`` is height and width.

    A class is compared with ``class_id`` as text: detectors send names (`person`) or numbers (`0`).
    Boxes that the image cannot have are skipped.
    """
    height_px, width_px = image_size
    boxes: dict[RotatedBox, float] = {}
    for each in detected:
        score = each.scores.get(class_id)
        if score is None or not math.isfinite(score):
            continue
        box = _usable_box(each.box, width_px, height_px)
        if box is not None:
            boxes[box] = score
    ranks: dict[str, Callable[[RotatedBox], float]] = {
        "nearest_to_center": lambda box: -math.hypot(box.x - width_px / 2, box.y - height_px / 2),
        "largest": lambda box: box.width * box.height,
        "best_score": lambda box: boxes[box],
    }
    return max(boxes, key=ranks[choice], default=None)


def _usable_box(box: RotatedBox, width_px: int, height_px: int) -> RotatedBox | None:
    try:
        return validate_init_box(box, width_px, height_px)
    except BoxError:
        return None


class AutoFollow:
    """Decides when a target may be started, and keeps its id.

    It starts one if there is no target. A target of its own that has been LOST for ``hold_s`` is
    forgotten first; a target that another client started is never replaced.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._target_id = ""
        self._is_starting = False
        self._lost_since_s: float | None = None
        self._started_count = 0
        self._last_refusal = ""

    def find_expired(self, statuses: Mapping[str, IntEnum], hold_s: float) -> str:
        """Return the id of its target if that has been LOST for ``hold_s``, else ""."""
        status = statuses.get(self._target_id)
        if status is None or status.name != "LOST":
            self._lost_since_s = None
            return ""
        now_s = self._clock()
        if self._lost_since_s is None:
            self._lost_since_s = now_s
        return self._target_id if now_s - self._lost_since_s >= hold_s else ""

    def is_due(self, statuses: Mapping[str, IntEnum]) -> bool:
        """Return whether a target is to be started: there is none, and none is being started."""
        return not statuses and not self._is_starting

    def begin(self) -> str:
        """Return the id for the target that is started now; ``finish`` must follow."""
        self._is_starting = True
        self._started_count += 1
        return f"{ID_PREFIX}{self._started_count}"

    def finish(self, target_id: str, reason: str) -> None:
        """Note that the target has been started, or why it was refused."""
        self._is_starting = False
        self._last_refusal = reason
        self._target_id = "" if reason else target_id
        self._lost_since_s = None

    def describe(self, statuses: Mapping[str, IntEnum], class_id: str, hold_s: float) -> str:
        """Return in words what it does, for the diagnostics."""
        if not class_id:
            return "off"
        if self._lost_since_s is not None and self._target_id in statuses:
            lost_s = self._clock() - self._lost_since_s
            return f"target {self._target_id!r} LOST for {lost_s:.1f} of {hold_s:g} s"
        if self._target_id and self._target_id in statuses:
            return f"tracking {self._target_id!r}"
        if statuses:
            return "waiting: another target is tracked"
        refusal = f"; last refusal: {self._last_refusal}" if self._last_refusal else ""
        return f"waiting for a detection of class {class_id!r}{refusal}"
