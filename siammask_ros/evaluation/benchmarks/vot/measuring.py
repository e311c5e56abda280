"""Measures accuracy, robustness and EAO with restarts, as in VOT 2015 to 2019.

Kristan et al., "The Visual Object Tracking VOT2015 Challenge Results", ICCVW 2015, section 3. A
tracker that has lost the target is started again 5 frames later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import BoxError, DataError
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
from siammask_ros.evaluation.benchmarks.box_trackers import BoxTracker, Image
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_polygon
from siammask_ros.evaluation.metrics.overlap import Polygon, polygon_overlap
from siammask_ros.geometry.boxes import RotatedBox

# The marks of a result file for a frame without a polygon.
SKIPPED, START, FAILURE = 0, 1, 2
RESTART_AFTER_FRAMES = 5
# With the start's own frame, as the benchmark's code counts them.
BURN_IN_FRAMES = 10
# The lengths of sequences over which VOT2018 averages the expected overlap, both included.
VOT2018_LENGTHS = (100, 356)

Trajectory = Sequence[Polygon | int]


@dataclass(frozen=True, slots=True)
class VotResult:
    """The evaluation of one sequence's trajectory.

    ``overlaps`` has a number a frame: that with the truth, 0 at a failure, NaN where there is
    none to compare (a start, a skipped frame, an absent target). ``starts`` and ``failures`` are
    frame numbers.
    """

    sequence: str
    overlaps: tuple[float, ...]
    starts: tuple[int, ...]
    failures: tuple[int, ...]

    @property
    def counted(self) -> NDArray[np.float64]:
        """The overlaps that make the accuracy: no failure, and not within a start's burn-in."""
        counts = np.isfinite(self.overlaps)
        counts[list(self.failures)] = False
        for start in self.starts:
            counts[start : start + BURN_IN_FRAMES] = False
        return np.asarray(self.overlaps, np.float64)[counts]

    @property
    def accuracy(self) -> float:
        """The mean of the overlaps that count, NaN where none does."""
        return _mean(self.counted)

    @property
    def failures_per_100_frames(self) -> float:
        """Robustness as VOT's tables have it: failures in 100 frames of the sequence."""
        return 100 * len(self.failures) / len(self.overlaps)


@dataclass(frozen=True, slots=True)
class VotScore:
    """A whole benchmark: its accuracy and robustness, and the expected overlap by length.

    ``accuracy`` is the mean over all frames that count; ``expected_overlap[n - 1]`` is the mean
    overlap to be expected on a sequence of n frames; ``eao`` its mean over ``lengths``.
    """

    accuracy: float
    failures_per_sequence: float
    failures_per_100_frames: float
    expected_overlap: NDArray[np.float64]
    lengths: tuple[int, int]

    @property
    def eao(self) -> float:
        """The expected average overlap; NaN where no sequence is as long as asked for."""
        shortest, longest = self.lengths
        values = self.expected_overlap[shortest - 1 : longest]
        return _mean(values[np.isfinite(values)])


def track_with_restarts(
    box_tracker: BoxTracker, sequence: BoxSequence, on_frame: Callable[[], object] = lambda: None
) -> list[Polygon | int]:
    """The trajectory of a sequence: START, FAILURE, SKIPPED or the polygon (4, 2) of each frame.

    A frame that no tracker can be started from is skipped. ``on_frame`` is called for every
    frame. Raises DataError where an image is damaged or the sequence could never be started.
    """
    entries: list[Polygon | int] = []
    is_tracking, start_from = False, 0
    for number, truth in enumerate(sequence.polygons):
        entry: Polygon | int = SKIPPED
        if is_tracking:
            image = sequence.image(number)
            entry, size = box_tracker.step(image).corners_xy, (image.shape[0], image.shape[1])
            if truth is not None and not polygon_overlap(entry, truth, size):
                entry, is_tracking = FAILURE, False
                start_from = number + RESTART_AFTER_FRAMES
        elif number >= start_from and truth is not None:
            box = start_box_of_polygon(truth, sequence.are_upright)
            is_tracking = _is_started(box_tracker, sequence.image(number), box)
            entry = START if is_tracking else SKIPPED
        entries.append(entry)
        on_frame()
    if all(isinstance(entry, int) and entry == SKIPPED for entry in entries):
        raise DataError(f"{sequence.name} has no frame to start from; expected a box in an image")
    return entries


def _is_started(box_tracker: BoxTracker, image: Image, box: RotatedBox) -> bool:
    try:
        box_tracker.start(image, box)
    except BoxError:  # The target is all but outside the image.
        return False
    return True


def evaluate_trajectory(
    sequence: BoxSequence, trajectory: Trajectory, image_size: tuple[int, int]
) -> VotResult:
    """Compare a trajectory with the sequence's truth, both clipped to (height, width).

    Raises DataError if an entry is missing for a frame, or the trajectory has no start.
    """
    if len(trajectory) != len(sequence.polygons):
        raise DataError(
            f"{sequence.name} has {len(sequence.polygons)} frames and its result "
            f"{len(trajectory)}; expected an entry for every frame"
        )
    marks = [entry if isinstance(entry, int) else None for entry in trajectory]
    if next((mark for mark in marks if mark != SKIPPED), None) != START:
        raise DataError(f"the result of {sequence.name} has no start before its first region")
    overlaps = [
        _overlap(entry, truth, image_size)
        for entry, truth in zip(trajectory, sequence.polygons, strict=True)
    ]
    starts, failures = (
        tuple(number for number, mark in enumerate(marks) if mark == wanted)
        for wanted in (START, FAILURE)
    )
    return VotResult(sequence.name, tuple(overlaps), starts, failures)


def _overlap(entry: Polygon | int, truth: Polygon | None, image_size: tuple[int, int]) -> float:
    if isinstance(entry, int):
        return 0.0 if entry == FAILURE else math.nan
    return math.nan if truth is None else polygon_overlap(entry, truth, image_size)


def score(results: Sequence[VotResult], lengths: tuple[int, int] = VOT2018_LENGTHS) -> VotScore:
    """The whole benchmark's numbers; ``lengths`` are the shortest and longest for the EAO."""
    failures = sum(len(result.failures) for result in results)
    return VotScore(
        accuracy=_mean(np.concatenate([result.counted for result in results])),
        failures_per_sequence=failures / len(results),
        failures_per_100_frames=100 * failures / sum(len(result.overlaps) for result in results),
        expected_overlap=expected_overlap(results),
        lengths=lengths,
    )


def expected_overlap(results: Sequence[VotResult]) -> NDArray[np.float64]:
    """For every length n (at index n − 1) the mean overlap that a run of n frames has.

    A run goes from a start to the failure and then counts as zeros to any length, or to the
    end of the sequence, and then does not count for greater lengths. Its first frame, which is
    given, is not part of the mean. NaN where no run is long enough.
    """
    longest = max(len(result.overlaps) for result in results)
    totals, counts = np.zeros(longest - 1), np.zeros(longest - 1)
    for overlaps, has_failed in (run for result in results for run in _runs(result)):
        padded = np.zeros(longest)
        padded[: len(overlaps)] = overlaps
        known = longest - 1 if has_failed else len(overlaps) - 1
        means = np.cumsum(padded[1:]) / np.arange(1, longest)
        totals[:known] += means[:known]
        counts[:known] += 1
    expected = np.divide(totals, counts, out=np.full(longest - 1, np.nan), where=counts > 0)
    return np.concatenate([[1.0], expected])


def _runs(result: VotResult) -> Iterator[tuple[NDArray[np.float64], bool]]:
    """The overlaps from each start to the next one or the end, and whether there is a failure."""
    ends = (*result.starts[1:], len(result.overlaps))
    for start, end in zip(result.starts, ends, strict=True):
        has_failed = any(start < failure < end for failure in result.failures)
        yield np.nan_to_num(np.array(result.overlaps[start:end])), has_failed


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan
