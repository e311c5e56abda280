"""Measures how reliable the state is on real videos, with two runs over each video.

One run uses the tracker's thresholds; the other has none and never reports LOST. Comparing them
frame by frame shows how well the score predicts failures, and what reporting LOST costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo, mask_similarity
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.evaluation.metrics.auroc import auroc
from siammask_ros.tracker.targets import Status, TargetState
from siammask_ros.tracker.tracker import Tracker

GOOD_FROM_J = 0.5
FAILED_BELOW_J = 0.1


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """One frame of both runs: J of the mask with the true one, 0 to 1, score and state.

    ``j`` and ``status`` are of the run with thresholds, ``j_never_lost`` and ``score`` of the run
    without.
    """

    video: str
    j: float
    status: Status
    j_never_lost: float
    score: float


@dataclass(frozen=True, slots=True)
class StateFigures:
    """How reliable the states of some frames are.

    ``auroc``: the chance that a good frame (J ≥ 0.5) has a higher score than a failed one
    (J < 0.1), NaN where either is missing. ``good_called_lost``: the share of good frames on which
    LOST was reported. ``failed_called_tracking``: the share of failed ones with TRACKING.
    ``mean_j``, ``mean_j_never_lost``: means over videos.
    """

    frames: int
    good: int
    failed: int
    auroc: float
    good_called_lost: float
    failed_called_tracking: float
    mean_j: float
    mean_j_never_lost: float


def track_states(
    tracker: Tracker, videos: Sequence[MaskedVideo], on_frame: Callable[[], object] = lambda: None
) -> list[TrackedFrame]:
    """Track every video to its end in both runs; ``on_frame`` is called after each frame.

    Frames whose true mask is empty are left out.
    """
    config = replace(tracker.config, tracking_score=0.0, lost_score=0.0)
    eager = Tracker(tracker.engine, config)
    frames = []
    for video in videos:
        image, mask = video.frame(0)
        states: list[TargetState] = tracker.start(image, [start_box_of_mask(mask > 0)])
        eager_states = states
        for number in range(1, len(video)):
            image, mask = video.frame(number)
            (result,), states = tracker.step(image, states)
            (bold,), eager_states = eager.step(image, eager_states)
            if mask.any():
                j, j_never_lost = mask_similarity(result, mask), mask_similarity(bold, mask)
                frames.append(TrackedFrame(video.name, j, result.status, j_never_lost, bold.score))
            on_frame()
    return frames


def state_figures(frames: Sequence[TrackedFrame]) -> StateFigures:
    """The figures over these frames, at least one."""
    good = [frame for frame in frames if frame.j_never_lost >= GOOD_FROM_J]
    failed = [frame for frame in frames if frame.j_never_lost < FAILED_BELOW_J]
    return StateFigures(
        frames=len(frames),
        good=len(good),
        failed=len(failed),
        auroc=auroc([frame.score for frame in good], [frame.score for frame in failed]),
        good_called_lost=_share([frame.status == Status.LOST for frame in good]),
        failed_called_tracking=_share([frame.status == Status.TRACKING for frame in failed]),
        mean_j=_mean_over_videos(frames, [frame.j for frame in frames]),
        mean_j_never_lost=_mean_over_videos(frames, [frame.j_never_lost for frame in frames]),
    )


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")


def _mean_over_videos(frames: Sequence[TrackedFrame], values: Sequence[float]) -> float:
    by_video: dict[str, list[float]] = {}
    for frame, value in zip(frames, values, strict=True):
        by_video.setdefault(frame.video, []).append(value)
    return float(np.mean([np.mean(values) for values in by_video.values()]))
