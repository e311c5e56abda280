"""Compares the accuracy and speed of one network in several precisions on the same frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.benchmarks.masked_video import mask_similarity
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.evaluation.metrics.overlap import box_overlap
from siammask_ros.geometry.boxes import mask_bounding_xywh
from siammask_ros.tracker.targets import TargetState
from siammask_ros.tracker.tracker import Tracker


@dataclass(slots=True)
class PrecisionResult:
    """One precision: J and the box's IoU by sequence, and the time of every step."""

    j: list[float] = field(default_factory=list)
    box_iou: list[float] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)

    @property
    def mean_j(self) -> float:
        """The mean over sequences."""
        return float(np.mean(self.j))

    @property
    def mean_box_iou(self) -> float:
        """The mean over sequences of the overlap with the true mask's upright box."""
        return float(np.mean(self.box_iou))

    @property
    def median_ms(self) -> float:
        """The median time of a step."""
        return float(np.median(self.step_ms))


def compare_precisions(
    trackers: Mapping[str, Tracker],
    sequences: Sequence[DavisSequence],
    on_frame: Callable[[], object] = lambda: None,
) -> dict[str, PrecisionResult]:
    """Run each tracker on all sequences from the first mask's box, taking turns on each frame.

    As in ``siammask eval davis`` the first and the last frame are not counted, nor frames without
    a true mask. ``on_frame`` is called after every frame.
    """
    results = {name: PrecisionResult() for name in trackers}
    for sequence in sequences:
        image, counted = sequence.image(0), set(sequence.counted)
        box = start_box_of_mask(sequence.labels(0) > 0)
        runs = {
            name: _Run(tracker, tracker.start(image, [box])) for name, tracker in trackers.items()
        }
        on_frame()
        for number in range(1, len(sequence.image_paths) - 1):
            image = sequence.image(number)
            truth = sequence.labels(number) if number in counted else None
            for run in runs.values():
                run.step(image, truth)
            on_frame()
        for name, run in runs.items():
            results[name].j.append(float(np.mean(run.j)))
            results[name].box_iou.append(float(np.mean(run.box_iou)))
            results[name].step_ms += run.step_ms
    return results


class _Run:
    """One tracker on one sequence."""

    def __init__(self, tracker: Tracker, states: Sequence[TargetState]) -> None:
        self._tracker = tracker
        self._states = states
        self.j: list[float] = []
        self.box_iou: list[float] = []
        self.step_ms: list[float] = []

    def step(self, image: np.ndarray, truth: np.ndarray | None) -> None:
        began_s = time.perf_counter()
        (result,), self._states = self._tracker.step(image, self._states)
        self.step_ms.append((time.perf_counter() - began_s) * 1e3)
        if truth is None:
            return
        self.j.append(mask_similarity(result, truth))
        true_box = mask_bounding_xywh(truth > 0) if truth.any() else (0.0, 0.0, 0.0, 0.0)
        self.box_iou.append(box_overlap(result.box.bounding_xywh, true_box))
