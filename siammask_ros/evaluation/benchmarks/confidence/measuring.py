"""Measures whether the score predicts failure, with the target visible and absent.

On every frame of each video the tracker searches four times: it tracks the target from the first
frame; and, with the search at the true position, it searches the frame with the target covered,
another video's frame at the same place, and the other video's own object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.masked_video import (
    MaskedVideo,
    choose_other_video,
    cover_target,
    mask_similarity,
)
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh
from siammask_ros.tracker.targets import TargetState
from siammask_ros.tracker.tracker import Tracker

SHOWN = "tracked"
ABSENT = ("covered", "another scene", "another object")
FAILED_BELOW_IOU = 0.1
THRESHOLDS = np.linspace(0, 1, 101)

Frame = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class ScoreSample:
    """One search: its kind, the overlap with the true mask, and the score."""

    kind: str
    iou: float
    score: float

    @property
    def is_failure(self) -> bool:
        """Whether the result is not on the target."""
        return self.iou < FAILED_BELOW_IOU


def measure_scores(
    tracker: Tracker, videos: Sequence[MaskedVideo], on_frame: Callable[[], object] = lambda: None
) -> list[ScoreSample]:
    """Search four times on every frame but the first; ``on_frame`` is called after each frame.

    The tracker's thresholds are set to 0, so that no target becomes LOST. Raises DataError for
    fewer than two videos.
    """
    if len(videos) < 2:
        raise DataError("confidence needs two videos at least: one's frames do not show the other")
    eager = Tracker(tracker.engine, replace(tracker.config, tracking_score=0.0, lost_score=0.0))
    found = []
    for place, video in enumerate(videos):
        image, mask = video.frame(0)
        (first,) = eager.start(image, [start_box_of_mask(mask > 0)])
        state = first
        for number in range(1, len(video)):
            image, mask = video.frame(number)
            (result,), (state,) = eager.step(image, [state])
            found.append(ScoreSample(SHOWN, mask_similarity(result, mask), result.score))
            other = choose_other_video(videos, place, number)
            frame = other.frame(number % len(other))
            found += _measure_absent(eager, first, (image, mask), frame)
            on_frame()
    return found


def fraction_above(scores: Sequence[float]) -> NDArray[np.float64]:
    """The share of scores at or above each of THRESHOLDS."""
    return np.asarray((np.asarray(scores)[:, None] >= THRESHOLDS).mean(axis=0), np.float64)


def _measure_absent(
    tracker: Tracker, first: TargetState, own: Frame, other: Frame
) -> list[ScoreSample]:
    """Return the samples on frames that do not show the target."""
    image, mask = own
    if not mask.any() or not other[1].any():
        return []
    here, there = _move_search(first, mask), _move_search(first, other[1])
    tries = ((cover_target(image, mask, other[0]), here), (other[0], here), (other[0], there))
    results = [tracker.step(image, [state])[0][0] for image, state in tries]
    return [
        ScoreSample(kind, 0.0, result.score) for kind, result in zip(ABSENT, results, strict=True)
    ]


def _move_search(state: TargetState, mask: NDArray[np.uint8]) -> TargetState:
    """Return the state with its search moved onto a mask."""
    box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
    return replace(state, center_in_image=(box.x, box.y), size=(box.width, box.height))
