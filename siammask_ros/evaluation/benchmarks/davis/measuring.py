"""How well masks follow objects: J and F of the DAVIS benchmark, started from a box.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016, section 5. The first and the last frame do not count, nor those without a true mask.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.davis.sequences import MERGED_LABEL, DavisSequence
from siammask_ros.geometry.boxes import MIN_SIDE_PX, RotatedBox, mask_bounding_xywh
from siammask_ros.media.labels import Labels
from siammask_ros.tracker.masks import label_map
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

_LOG = logging.getLogger(__name__)

BOUNDARY_SHARE = 0.008
RECALL_ABOVE = 0.5
# A grey PNG has no more than 16 bits.
_HIGHEST_LABEL = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure over time: its mean, the share of frames above 0.5, and what it loses."""

    mean: float
    recall: float
    decay: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Measure:
        """Of one object's values a frame; the decay is first quarter minus last.

        Quarters share their border frame, as in the benchmark's own code.
        """
        series = np.asarray(values, np.float64)
        borders = np.round(np.linspace(1, len(series), 5) + 1e-10).astype(int) - 1
        first = series[borders[0] : borders[1] + 1]
        last = series[borders[3] : borders[4] + 1]
        recall = float((series > RECALL_ABOVE).mean())
        return cls(float(series.mean()), recall, float(first.mean() - last.mean()))

    @classmethod
    def mean_of(cls, measures: Sequence[Measure]) -> Measure:
        """The mean over objects."""
        rows = np.array([(m.mean, m.recall, m.decay) for m in measures])
        return cls(*(float(value) for value in rows.mean(axis=0)))


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


def region_similarity(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """J, the overlap of two masks (H, W): intersection over union; 1 where both are empty."""
    predicted, truth = predicted.astype(bool), truth.astype(bool)
    union = int(np.count_nonzero(predicted | truth))
    return int(np.count_nonzero(predicted & truth)) / union if union else 1.0


def boundary_accuracy(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """F, how well the outlines of two masks (H, W) agree.

    Harmonic mean of precision and recall of their boundary pixels, matched within 0.8 % of the
    picture's diagonal, rounded up.
    """
    radius = math.ceil(BOUNDARY_SHARE * math.hypot(*truth.shape))
    ours, theirs = _boundary(predicted), _boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    window = _window(ours | theirs)
    ours, theirs = ours[window], theirs[window]
    precision = _share_near(ours, theirs, radius)
    recall = _share_near(theirs, ours, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that differ from the neighbour to the right, below, or both ways."""
    inside = np.pad(mask.astype(bool), ((0, 1), (0, 1)), mode="edge")
    here = inside[:-1, :-1]
    edges = (here ^ inside[:-1, 1:]) | (here ^ inside[1:, :-1]) | (here ^ inside[1:, 1:])
    return np.asarray(edges, np.bool_)


def _window(where: NDArray[np.bool_]) -> tuple[slice, slice]:
    left, top, width, height = (int(value) for value in mask_bounding_xywh(where))
    return slice(top, top + height), slice(left, left + width)


def _share_near(pixels: NDArray[np.bool_], others: NDArray[np.bool_], radius: int) -> float:
    """The share of ``pixels`` that have one of ``others`` within ``radius``."""
    reach = np.arange(-radius, radius + 1)
    disk = (reach[:, None] ** 2 + reach[None, :] ** 2 <= radius**2).astype(np.uint8)
    near = cv2.dilate(others.astype(np.uint8), disk)
    return float(np.count_nonzero(near[pixels])) / float(np.count_nonzero(pixels))


def evaluate_sequence(
    tracker: Tracker,
    sequence: DavisSequence,
    masks_folder: Path,
    on_frame: Callable[[], object] = lambda: None,
) -> list[ObjectResult]:
    """Track every object of a sequence from its first mask's bounding box; returns J and F.

    Writes the masks as PNG with the annotation's labels to ``masks_folder``/SEQUENCE, where other
    tools can check them. ``on_frame`` is called after every picture. Raises DataError where a
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
    states = tracker.start(image, [start_box(first == label) for label in labels])
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
            "%s: the objects %s are not in the first mask and were not followed",
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


def start_box(mask: NDArray[np.bool_]) -> RotatedBox:
    """Return the mask's bounding box, enlarged to the minimum side and kept inside the image."""
    box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
    height, width = mask.shape
    x, box_width = _widen(box.x, box.width, width)
    y, box_height = _widen(box.y, box.height, height)
    return RotatedBox(x, y, box_width, box_height)


def _widen(middle: float, side: float, limit: int) -> tuple[float, float]:
    """Return centre and length of a side of at least MIN_SIDE_PX, moved inside the image."""
    side = max(side, MIN_SIDE_PX)
    return min(max(middle, side / 2), limit - side / 2), side


def _write_mask(path: Path, labels: Labels) -> None:
    if not cv2.imwrite(str(path), labels.astype(np.uint8 if labels.max() < 256 else np.uint16)):
        raise DataError(f"{path} cannot be written; is the folder writable, and not full?")
