"""What is timed: our tracker, or OpenCV's TrackerNano as a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from siammask_ros.evaluation.benchmarks.box_trackers import NanoBoxTracker
from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
from siammask_ros.evaluation.benchmarks.davis.report import mean_measures
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.speed.scene import Scene
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.crops import context_side
from siammask_ros.tracker.color_histogram import HISTOGRAM_BINS
from siammask_ros.tracker.stage_clock import StageClock
from siammask_ros.tracker.targets import TargetState
from siammask_ros.tracker.tracker import Tracker
from siammask_ros.tracker.warm_up import warm_up

# One step on image number i; returns the stages' times in milliseconds.
Step = Callable[[int], dict[str, float]]


class Runner(Protocol):
    """Something that follows targets and can be timed."""

    def warm_up(self, targets: int) -> None:
        """Warm up for this number of targets, as a node does before its first frame."""
        ...

    def prepare(self, scene: Scene) -> Step:
        """Start the targets on the scene's first image; returns a function that steps."""
        ...

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        """Return the mean J of each object of a sequence; empty without masks."""
        ...


class TrackerRunner:
    """Our tracker. Each step starts from the targets' true positions and motion.

    So every frame costs the same for any weights, even random ones. For the same reason a low
    score never loses a target.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        config = replace(tracker.config, tracking_score=0.0, lost_score=0.0)
        self._timed = type(tracker)(tracker.engine, config)

    def warm_up(self, targets: int) -> None:
        """See ``Runner.warm_up``."""
        warm_up(self._timed, targets)

    def prepare(self, scene: Scene) -> Step:
        """See ``Runner.prepare``."""
        states = self._timed.start(scene.images[0], scene.boxes[0])
        starts = [
            [*map(_move_state, states, scene.boxes[number - 1], boxes)]
            for number, boxes in enumerate(scene.boxes)
        ]

        def step(number: int) -> dict[str, float]:
            clock = StageClock()
            here = number % len(scene.images)
            self._timed.step(scene.images[here], starts[here - 1], clock)
            return clock.stages_ms

        return step

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        """See ``Runner.mean_j``."""
        if not self._tracker.engine.variant.has_mask:
            return []
        results = evaluate_sequence(self._tracker, sequence, masks_folder)
        return [mean_measures([result])[0].mean for result in results]


class NanoRunner:
    """OpenCV's TrackerNano: boxes only, one target."""

    def __init__(self, backbone: Path, head: Path) -> None:
        self._files = (backbone, head)

    def warm_up(self, targets: int) -> None:
        """See ``Runner.warm_up``: here nothing."""

    def prepare(self, scene: Scene) -> Step:
        """See ``Runner.prepare``."""
        box_tracker = NanoBoxTracker(*self._files)
        (box,) = scene.boxes[0]
        box_tracker.start(scene.images[0], box)

        def step(number: int) -> dict[str, float]:
            box_tracker.step(scene.images[number % len(scene.images)])
            return {}

        return step

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        """See ``Runner.mean_j``."""
        return []


def _move_state(state: TargetState, before: RotatedBox, box: RotatedBox) -> TargetState:
    """Return the state after a frame that moved the target to ``box``, its colours known."""
    shift_px = max(abs(box.x - before.x), abs(box.y - before.y))
    return replace(
        state,
        center_in_image=(box.x, box.y),
        size=(box.width, box.height),
        shift=shift_px / context_side(before.width, before.height),
        color_histogram=np.full(HISTOGRAM_BINS, 1 / HISTOGRAM_BINS, np.float32),
    )
