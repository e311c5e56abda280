"""Compares the tracker's state with the truth while a target is away and after it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from siammask_ros.evaluation.benchmarks.disappearance.sequences import (
    TRACKED_FRAMES,
    DisappearanceSequence,
    Scene,
)
from siammask_ros.evaluation.benchmarks.masked_video import mask_similarity
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.tracker.targets import Status, TargetResult
from siammask_ros.tracker.tracker import Tracker

# The tracker has this many frames to report LOST; TRACKING until then is late, not wrong.
LOST_WITHIN_FRAMES = 10
RIGHT_FROM_IOU = 0.5
WRONG_BELOW_IOU = 0.1


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What the tracker reported on one frame: the state, and its mask's overlap with the truth.

    ``visible`` is the share of the target that the frame shows.
    """

    status: Status
    iou: float
    visible: float

    @property
    def is_right(self) -> bool:
        """Whether TRACKING was reported and the mask is on the target."""
        return self.status == Status.TRACKING and self.iou >= RIGHT_FROM_IOU

    @property
    def is_wrong(self) -> bool:
        """Whether TRACKING was reported elsewhere; a partly visible target is not counted."""
        is_counted = self.visible in (0.0, 1.0)
        return is_counted and self.status == Status.TRACKING and self.iou < WRONG_BELOW_IOU


@dataclass(frozen=True, slots=True)
class Disappearance:
    """The reports on one sequence: before the target disappears, while away, and back again."""

    video: str
    way: str
    start: int
    before: tuple[FrameReport, ...]
    away: tuple[FrameReport, ...]
    back: tuple[FrameReport, ...]

    @property
    def was_tracked(self) -> bool:
        """Whether the target was tracked until it disappeared; otherwise it is not counted."""
        last = self.before[-1]
        return last.status < Status.LOST and last.iou >= WRONG_BELOW_IOU

    @property
    def lost_after(self) -> int | None:
        """Frames until LOST was reported, 1 for the first without the target; None for never."""
        return _first(report.status == Status.LOST for report in self.away)

    @property
    def back_after(self) -> int | None:
        """Frames until it was tracked again, 1 for the first that shows all of it; or None."""
        return _first(report.is_right for report in self.back)

    @property
    def is_lost_in_time(self) -> bool:
        """Whether LOST was reported within LOST_WITHIN_FRAMES."""
        return self.lost_after is not None and self.lost_after <= LOST_WITHIN_FRAMES

    @property
    def is_wrong(self) -> bool:
        """Whether something else was tracked as the target on any counted frame."""
        return any(report.is_wrong for report in (*self.away[LOST_WITHIN_FRAMES:], *self.back))


def evaluate_disappearance(
    tracker: Tracker, sequence: DisappearanceSequence, on_frame: Callable[[], object] = lambda: None
) -> Disappearance:
    """Track the target of a sequence; ``on_frame`` is called after every frame.

    Raises BoxError if the first frame does not show the target.
    """
    scenes = sequence.scenes()
    first = next(scenes)
    states = tracker.start(first.image, [start_box_of_mask(first.mask > 0)])
    on_frame()
    reports = []
    for scene in scenes:
        (result,), states = tracker.step(scene.image, states)
        reports.append(_compare_with_truth(result, scene))
        on_frame()
    return _split_by_part(sequence, reports)


def _compare_with_truth(result: TargetResult, scene: Scene) -> FrameReport:
    # The similarity of two empty masks is 1; here that is no overlap with the target.
    iou = mask_similarity(result, scene.mask) if scene.mask.any() else 0.0
    return FrameReport(result.status, iou, scene.visible)


def _split_by_part(
    sequence: DisappearanceSequence, reports: Sequence[FrameReport]
) -> Disappearance:
    before = tuple(reports[: TRACKED_FRAMES - 1])
    away = tuple(report for report in reports if report.visible == 0)
    last_away = max(place for place, report in enumerate(reports) if report.visible == 0)
    back = tuple(report for report in reports[last_away + 1 :] if report.visible == 1)
    return Disappearance(sequence.video.name, sequence.way, sequence.start, before, away, back)


def _first(flags: Iterable[bool]) -> int | None:
    return next((number for number, is_so in enumerate(flags, start=1) if is_so), None)
