"""Measures J and F as in the DAVIS benchmark, with a start from a box.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016, section 5. The first and the last frame do not count, nor those without a true mask.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.davis.sequences import MERGED_LABEL, DavisSequence
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.evaluation.metrics.boundary import boundary_accuracy
from siammask_ros.evaluation.metrics.overlap import region_similarity
from siammask_ros.media.labels import Labels
from siammask_ros.tracker.masks import label_map
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

_LOG = logging.getLogger(__name__)

# A grey PNG has no more than 16 bits.
_HIGHEST_LABEL = 2**16 - 1


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """One object of one sequence: J and F of every frame that counts, in order.

    ``untracked`` counts those without the state TRACKING; ``step_ms`` (n,) is the tracker's
    own time, which several objects of a sequence share.
    """

    sequence: str
    label: int
    j: tuple[float, ...]
    f: tuple[float, ...]
    untracked: int
    step_ms: tuple[float, ...]

    @property
    def name(self) -> str:
        """The sequence, with the object's number where there are several."""
        return self.sequence if self.label == MERGED_LABEL else f"{self.sequence}/{self.label}"


def evaluate_sequence(
    tracker: Tracker,
    sequence: DavisSequence,
    masks_folder: Path,
    on_frame: Callable[[], object] = lambda: None,
) -> list[ObjectResult]:
    """Track every object of a sequence from its first mask's bounding box; returns J and F.

    Writes the masks as PNG with the annotation's labels to ``masks_folder``/SEQUENCE, where other
    tools can check them. ``on_frame`` is called after every frame. Raises DataError where a
    file is damaged or the first frame shows no object.
    """
    folder = masks_folder / sequence.name
    folder.mkdir(parents=True, exist_ok=True)
    first, image, counted = sequence.labels(0), sequence.image(0), set(sequence.counted)
    labels = [int(label) for label in np.unique(first) if label]
    if not labels:
        raise DataError(
            f"{sequence.annotation_paths[0]} is empty; expected an object to start from"
        )
    if labels[-1] > _HIGHEST_LABEL:
        raise DataError(
            f"{sequence.annotation_paths[0]} has colours that are not DAVIS's palette; expected "
            "object numbers, as grey levels, in that palette, or as places in any palette"
        )
    states = tracker.start(image, [start_box_of_mask(first == label) for label in labels])
    records = {label: _Record() for label in labels}
    unknown: set[int] = set()
    _write_mask(folder / sequence.mask_name(0), first)
    on_frame()
    for number in range(1, len(sequence.image_paths)):
        image = sequence.image(number)
        started_s = time.perf_counter()
        results, states = tracker.step(image, states)
        step_ms = (time.perf_counter() - started_s) * 1e3
        numbered = label_map([result.mask for result in results], (image.shape[0], image.shape[1]))
        predicted = np.array([0, *labels], np.int32)[numbered]
        _write_mask(folder / sequence.mask_name(number), predicted)
        if number in counted:
            truth = sequence.labels(number)
            unknown |= set(np.unique(truth).tolist()) - {0, *labels}
            for label, result in zip(labels, results, strict=True):
                records[label].add(predicted == label, truth == label, result.status, step_ms)
        on_frame()
    if unknown:
        _LOG.warning(
            "%s: the objects %s are not in the first mask and were not tracked",
            sequence.name,
            ", ".join(map(str, sorted(unknown))),
        )
    return [record.result(sequence.name, label) for label, record in records.items()]


class _Record:
    """The measurements of one object while its sequence runs."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, bool, float]] = []

    def add(
        self, predicted: NDArray[Any], truth: NDArray[Any], status: Status, step_ms: float
    ) -> None:
        j, f = region_similarity(predicted, truth), boundary_accuracy(predicted, truth)
        self.rows.append((j, f, status == Status.TRACKING, step_ms))

    def result(self, sequence: str, label: int) -> ObjectResult:
        j, f, tracked, step_ms = zip(*self.rows, strict=True)
        return ObjectResult(sequence, label, j, f, len(tracked) - sum(tracked), step_ms)


def _write_mask(path: Path, labels: Labels) -> None:
    if not cv2.imwrite(str(path), labels.astype(np.uint8 if labels.max() < 256 else np.uint16)):
        raise DataError(
            f"{path} cannot be written; check that the folder is writable and the disk is not full"
        )
