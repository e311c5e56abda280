"""The tracker's settings that do best on held-back videos: a hill climb, one setting at a time.

The authors scan the same four on their benchmarks (paper, section 4.1). Few videos tell little:
a gain below ``LEAST_GAIN`` is not taken for one, and steps are coarse on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from siammask_ros.evaluation.benchmarks.davis.measuring import region_similarity, start_box
from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.tracker import Tracker

# What is tuned, and by which steps.
STEPS = {
    "penalty_k": 0.03,
    "window_influence": 0.05,
    "size_rate": 0.15,
    "mask_threshold": 0.05,
}
LEAST_GAIN = 0.002


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried: the one that was changed for it, and J of every video."""

    settings: TrackerConfig
    changed: str
    j: tuple[float, ...]

    @property
    def mean_j(self) -> float:
        """The mean over videos."""
        return float(np.mean(self.j))


def climb(
    try_out: Callable[[TrackerConfig, str], Trial],
    start: TrackerConfig,
    names: Sequence[str],
    most_trials: int,
) -> list[Trial]:
    """All trials of a climb from ``start``, in order; the best one is ``best_of`` them.

    Each setting in turn goes up or down by its step as long as that gains; the rounds end when
    none does, or after ``most_trials``.
    """
    trials = [try_out(start, "")]
    best = trials[0]
    tried = {start}
    improved = True
    while improved:
        improved = False
        for name in names:
            for sign in (1, -1):
                while len(trials) < most_trials:
                    candidate = _moved(best.settings, name, sign)
                    if candidate is None or candidate in tried:
                        break
                    tried.add(candidate)
                    trials.append(try_out(candidate, name))
                    if trials[-1].mean_j < best.mean_j + LEAST_GAIN:
                        break
                    best, improved = trials[-1], True
    return trials


def best_of(trials: Sequence[Trial]) -> Trial:
    """The first trial that no later one beats by ``LEAST_GAIN``."""
    best = trials[0]
    for trial in trials[1:]:
        if trial.mean_j >= best.mean_j + LEAST_GAIN:
            best = trial
    return best


def judged(
    tracker: Tracker, videos: Sequence[MaskedVideo], on_frame: Callable[[], object] = lambda: None
) -> tuple[float, ...]:
    """Mean J of each video, tracked from its first mask's bounding box; the first does not count.

    ``on_frame`` is called after every frame.
    """
    means = []
    for video in videos:
        image, mask = video.frame(0)
        states: Any = tracker.start(image, [start_box(mask > 0)])
        j = []
        for number in range(1, len(video)):
            image, mask = video.frame(number)
            (result,), states = tracker.step(image, states)
            seen = result.mask.on_picture() if result.mask else np.zeros(mask.shape, np.uint8)
            j.append(region_similarity(seen, mask))
            on_frame()
        means.append(float(np.mean(j)))
    return tuple(means)


def _moved(settings: TrackerConfig, name: str, sign: int) -> TrackerConfig | None:
    """The settings with one of them a step further; None where its range ends."""
    value = round(getattr(settings, name) + sign * STEPS[name], 6)
    (field,) = (field for field in fields(settings) if field.name == name)
    if not field.metadata["low"] <= value <= field.metadata["high"]:
        return None
    return replace(settings, **{name: value})
