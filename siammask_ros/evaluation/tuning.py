"""Tunes the tracker's settings on validation videos by a hill climb, one setting at a time.

The authors scan the same four settings on their benchmarks (paper, section 4.1). A few videos are
noisy data: gains below ``LEAST_GAIN`` are ignored, and the steps are coarse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo, mask_similarity
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
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
    """The settings of one trial, the changed setting, and the mean J of every video."""

    settings: TrackerConfig
    changed: str
    j: tuple[float, ...]

    @property
    def mean_j(self) -> float:
        """The mean over videos."""
        return float(np.mean(self.j))


def hill_climb(
    run_trial: Callable[[TrackerConfig, str], Trial],
    start: TrackerConfig,
    names: Sequence[str],
    most_trials: int,
) -> list[Trial]:
    """Return all trials from ``start``, in order; ``find_best_trial`` picks the best.

    Each setting in turn goes up or down by its step while J improves. The search ends when no
    setting improves J, or after ``most_trials``.
    """
    trials = [run_trial(start, "")]
    best = trials[0]
    tried = {start}
    improved = True
    while improved:
        improved = False
        for name in names:
            for sign in (1, -1):
                while len(trials) < most_trials:
                    candidate = _change_setting(best.settings, name, sign)
                    if candidate is None or candidate in tried:
                        break
                    tried.add(candidate)
                    trials.append(run_trial(candidate, name))
                    if trials[-1].mean_j < best.mean_j + LEAST_GAIN:
                        break
                    best, improved = trials[-1], True
    return trials


def find_best_trial(trials: Sequence[Trial]) -> Trial:
    """The first trial that no later one beats by ``LEAST_GAIN``."""
    best = trials[0]
    for trial in trials[1:]:
        if trial.mean_j >= best.mean_j + LEAST_GAIN:
            best = trial
    return best


def evaluate_settings(
    tracker: Tracker, videos: Sequence[MaskedVideo], on_frame: Callable[[], object] = lambda: None
) -> tuple[float, ...]:
    """Return the mean J of each video, tracked from its first mask; frame 0 is not counted.

    ``on_frame`` is called after every frame.
    """
    means = []
    for video in videos:
        image, mask = video.frame(0)
        states: Any = tracker.start(image, [start_box_of_mask(mask > 0)])
        j = []
        for number in range(1, len(video)):
            image, mask = video.frame(number)
            (result,), states = tracker.step(image, states)
            j.append(mask_similarity(result, mask))
            on_frame()
        means.append(float(np.mean(j)))
    return tuple(means)


def _change_setting(settings: TrackerConfig, name: str, sign: int) -> TrackerConfig | None:
    """Return the settings with one changed by a step; None outside its range."""
    value = round(getattr(settings, name) + sign * STEPS[name], 6)
    (field,) = (field for field in fields(settings) if field.name == name)
    if not field.metadata["low"] <= value <= field.metadata["high"]:
        return None
    return replace(settings, **{name: value})
