"""What is timed: a tracker of ours, or OpenCV's TrackerNano as a peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
from siammask_ros.evaluation.benchmarks.davis.report import mean_measures
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.benchmarks.followers import NanoFollower
from siammask_ros.evaluation.speed.scene import Scene
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.crops import context_side
from siammask_ros.tracker.colours import COLOURS
from siammask_ros.tracker.targets import TargetState
from siammask_ros.tracker.tracker import StageClock, Tracker
from siammask_ros.tracker.warm_up import warm_up

# One step on picture number i; gives the stages' milliseconds.
Step = Callable[[int], dict[str, float]]


class Runner(Protocol):
    """Something that follows targets and can be timed."""

    def warm_up(self, targets: int) -> None:
        """What a node does before its first frame when it may get so many targets."""
        ...

    def ready(self, scene: Scene) -> Step:
        """A step on the pictures of a scene, its targets started on the first one."""
        ...

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        """Mean J of each object of a sequence; empty for what gives no masks."""
        ...


class TrackerRunner:
    """A tracker. Every step starts from where the targets truly were, and how they moved there.

    So all frames cost the same work whatever the weights say, random ones included; for the same
    reason no target is given up for a low score.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        config = replace(tracker.config, tracking_score=0.0, lost_score=0.0)
        self._timed = type(tracker)(tracker.engine, config)

    def warm_up(self, targets: int) -> None:
        """See ``Runner.warm_up``."""
        warm_up(self._timed, targets)

    def ready(self, scene: Scene) -> Step:
        """See ``Runner.ready``."""
        states = self._timed.start(scene.pictures[0], scene.boxes[0])
        starts = [
            [*map(_moved, states, scene.boxes[number - 1], boxes)]
            for number, boxes in enumerate(scene.boxes)
        ]

        def step(number: int) -> dict[str, float]:
            clock = StageClock()
            here = number % len(scene.pictures)
            self._timed.step(scene.pictures[here], starts[here - 1], clock)
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

    def ready(self, scene: Scene) -> Step:
        """See ``Runner.ready``."""
        follower = NanoFollower(*self._files)
        (box,) = scene.boxes[0]
        follower.start(scene.pictures[0], box)

        def step(number: int) -> dict[str, float]:
            follower.step(scene.pictures[number % len(scene.pictures)])
            return {}

        return step

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        """See ``Runner.mean_j``."""
        return []


def _moved(state: TargetState, before: RotatedBox, box: RotatedBox) -> TargetState:
    """As after a frame in which the target went from one box to the other, its colours known."""
    shift_px = max(abs(box.x - before.x), abs(box.y - before.y))
    return replace(
        state,
        center_in_image=(box.x, box.y),
        size=(box.width, box.height),
        shift=shift_px / context_side(before.width, before.height),
        colours=np.full(COLOURS, 1 / COLOURS, np.float32),
    )
