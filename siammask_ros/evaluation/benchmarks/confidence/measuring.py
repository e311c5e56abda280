"""Does the score predict failure? Measured where the target is shown, and where it is not.

On every frame of each video the target is looked for in four ways: tracked from the first frame,
and, with the search where it really is, on the frame itself with something pasted over the target,
on another video's frame at the same place, and around that video's own object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.davis.measuring import region_similarity, start_box
from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker

SHOWN = "tracked"
ABSENT = ("covered", "another scene", "another object")
FAILED_BELOW_IOU = 0.1
THRESHOLDS = np.linspace(0, 1, 101)

_COVER_MARGIN_PX = 9

Frame = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Look:
    """One look for a target: in which way, the overlap with its true mask, and the score."""

    kind: str
    iou: float
    score: float

    @property
    def is_failure(self) -> bool:
        """Whether what was found is not the target."""
        return self.iou < FAILED_BELOW_IOU


def looks(
    tracker: Tracker, videos: Sequence[MaskedVideo], on_frame: Callable[[], object] = lambda: None
) -> list[Look]:
    """Four looks at every frame of each video but its first; ``on_frame`` is called after each.

    The tracker's thresholds are taken away: no target is given up. Raises DataError for fewer
    than two videos.
    """
    if len(videos) < 2:
        raise DataError("confidence needs two videos at least: one's frames do not show the other")
    eager = Tracker(tracker.engine, replace(tracker.config, tracking_score=0.0, lost_score=0.0))
    found = []
    for place, video in enumerate(videos):
        image, mask = video.frame(0)
        (first,) = eager.start(image, [start_box(mask > 0)])
        state = first
        for number in range(1, len(video)):
            image, mask = video.frame(number)
            (result,), (state,) = eager.step(image, [state])
            found.append(Look(SHOWN, _iou(result, mask), result.score))
            other = videos[(place + 1 + number % (len(videos) - 1)) % len(videos)]
            frame = other.frame(number % len(other))
            found += _absent_looks(eager, first, (image, mask), frame)
            on_frame()
    return found


def share_above(scores: Sequence[float]) -> NDArray[np.float64]:
    """The share of scores at or above each of THRESHOLDS."""
    return np.asarray((np.asarray(scores)[:, None] >= THRESHOLDS).mean(axis=0), np.float64)


def _absent_looks(tracker: Tracker, first: TargetState, own: Frame, other: Frame) -> list[Look]:
    """The looks at frames that do not show the target."""
    image, mask = own
    if not mask.any() or not other[1].any():
        return []
    here, there = _placed(first, mask), _placed(first, other[1])
    tries = ((_covered(image, mask, other[0]), here), (other[0], here), (other[0], there))
    results = [tracker.step(picture, [state])[0][0] for picture, state in tries]
    return [Look(kind, 0.0, result.score) for kind, result in zip(ABSENT, results, strict=True)]


def _placed(state: TargetState, mask: NDArray[np.uint8]) -> TargetState:
    """The state with its search where a mask is."""
    box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
    return replace(state, center_in_image=(box.x, box.y), size=(box.width, box.height))


def _covered(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], other: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The picture with a piece of another one over the target's box."""
    grown: Any = cv2.dilate((mask > 0).astype(np.uint8), np.ones((_COVER_MARGIN_PX,) * 2, np.uint8))
    left, top, width, height = (int(value) for value in mask_bounding_xywh(grown))
    covered = image.copy()
    covered[top : top + height, left : left + width] = cv2.resize(other, (width, height))
    return covered


def _iou(result: TargetResult, mask: NDArray[np.uint8]) -> float:
    seen = result.mask.on_picture() if result.mask else np.zeros(mask.shape, np.uint8)
    return region_similarity(seen, mask)
