"""How well boxes follow objects: success and precision in one pass from the first box.

Wu, Lim, Yang: "Online Object Tracking: A Benchmark", CVPR 2013. The first frame, whose box is
given, does not count, nor do frames where the target is absent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import BoxError, DataError
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
from siammask_ros.evaluation.benchmarks.box_trackers import BoxTracker
from siammask_ros.evaluation.metrics.overlap import BoxXywh, box_overlap, center_distance_px
from siammask_ros.geometry.boxes import RotatedBox

# Twentieths are divided, not added up, so that 0.3 is the number that everybody else means.
OVERLAP_THRESHOLDS = np.arange(21) / 20
DISTANCE_THRESHOLDS_PX = np.arange(51)
PRECISION_WITHIN_PX = 20


@dataclass(frozen=True, slots=True)
class BoxResult:
    """One pass over one sequence: the boxes of all frames, and how good those are that count.

    ``boxes_xywh`` begins with the first frame's own box; ``overlaps`` and ``distances_px`` hold
    only the frames that count; ``step_ms`` is the tracker's own time.
    """

    sequence: str
    tracker: str
    boxes_xywh: tuple[BoxXywh, ...]
    overlaps: tuple[float, ...]
    distances_px: tuple[float, ...]
    step_ms: tuple[float, ...]

    @property
    def success(self) -> NDArray[np.float64]:
        """The share of frames with an overlap above each of OVERLAP_THRESHOLDS."""
        return _share(np.array(self.overlaps)[:, None] > OVERLAP_THRESHOLDS)

    @property
    def success_auc(self) -> float:
        """The area under the success curve: the mean over its thresholds, as OTB has it."""
        return float(self.success.mean())

    @property
    def precision(self) -> NDArray[np.float64]:
        """The share of frames whose centre is off by at most DISTANCE_THRESHOLDS_PX."""
        return _share(np.array(self.distances_px)[:, None] <= DISTANCE_THRESHOLDS_PX)

    @property
    def precision_at_20_px(self) -> float:
        """The share of frames whose centre is off by at most 20 px."""
        return float(self.precision[PRECISION_WITHIN_PX])


def _share(frames: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(frames.mean(axis=0), np.float64)


def evaluate_boxes(
    box_tracker: BoxTracker, sequence: BoxSequence, on_frame: Callable[[], object] = lambda: None
) -> BoxResult:
    """Track a sequence's target from its first true box to the end, whatever happens.

    ``on_frame`` is called after every frame. Raises DataError where an image is damaged, the
    first frame has no box to start from, or no later one has a box to compare with.
    """
    first = sequence.box_xywh(0)
    if first is None:
        raise DataError(
            f"{sequence.name} has no box in its first frame; expected one to start from"
        )
    try:
        box_tracker.start(sequence.image(0), RotatedBox.from_xywh(first))
    except BoxError as error:
        raise DataError(f"{sequence.name} cannot be started: {error}") from error
    on_frame()
    boxes, overlaps, distances, step_ms = [first], [], [], []
    for number in range(1, len(sequence.image_paths)):
        image = sequence.image(number)
        started_s = time.perf_counter()
        boxes.append(box_tracker.step(image).bounding_xywh)
        step_ms.append((time.perf_counter() - started_s) * 1e3)
        truth = sequence.box_xywh(number)
        if truth is not None:
            overlaps.append(box_overlap(boxes[-1], truth))
            distances.append(center_distance_px(boxes[-1], truth))
        on_frame()
    if not overlaps:
        raise DataError(f"{sequence.name} has a box in its first frame only; expected some later")
    return BoxResult(
        sequence.name,
        box_tracker.name,
        tuple(boxes),
        tuple(overlaps),
        tuple(distances),
        tuple(step_ms),
    )
