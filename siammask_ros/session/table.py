"""The targets of a session by their ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session.frames import Frame, TrackedTarget
from siammask_ros.session.stream import KeptFrame
from siammask_ros.tracker.targets import Status, TargetResult, TargetState


@dataclass(slots=True, eq=False)
class Target:
    """One target: what the tracker remembers of it, and since which frame of which stream.

    ``held`` says why it is not searched for any more; only a new box ends that.
    """

    target_id: str
    state: TargetState
    box: RotatedBox
    since: KeptFrame
    seen_on: Frame
    result: TargetResult | None = None
    held: str = ""

    def standing(self, status: Status, reason: str) -> TargetResult:
        """Its last known box under another status: nothing new is known of it."""
        (x, y), (width, height) = self.state.center_in_image, self.state.size
        xywh = (x - width / 2, y - height / 2, width, height)
        nothing = np.zeros((0, 2), np.int32)
        return TargetResult(status, reason, 0.0, self.box, xywh, None, nothing)


class TargetTable:
    """Targets in the order in which they were given. Not thread-safe: its session locks."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    def __len__(self) -> int:
        return len(self._targets)

    def __contains__(self, target_id: object) -> bool:
        return target_id in self._targets

    def put(self, target: Target) -> None:
        """Adds a target; one of the same id is replaced and keeps its place."""
        self._targets[target.target_id] = target

    def forget(self, target_id: str) -> bool:
        """Drops a target; False where there is none of this id."""
        return self._targets.pop(target_id, None) is not None

    def clear(self) -> None:
        """Drops all."""
        self._targets.clear()

    def state_of(self, target_id: str) -> TargetState | None:
        """What the tracker remembers of a target, or None where there is none of this id."""
        target = self._targets.get(target_id)
        return None if target is None else target.state

    def hold_older_than(self, stream: int, reason: str) -> None:
        """Stops searching for targets of earlier streams; they say LOST and why."""
        for target in self._targets.values():
            if target.since.stream < stream and not target.held:
                target.held = reason

    def searched_on(self, kept: KeptFrame) -> list[Target]:
        """The targets to look for on this frame: given on an earlier one of its stream."""
        return [
            target
            for target in self._targets.values()
            if not target.held
            and target.since.stream == kept.stream
            and target.since.number < kept.number
        ]

    def update(
        self,
        targets: Sequence[Target],
        results: Sequence[TargetResult],
        states: Sequence[TargetState],
        frame: Frame,
    ) -> None:
        """Takes up what a step said of these targets."""
        for target, result, state in zip(targets, results, states, strict=True):
            target.state, target.result, target.box = state, result, result.box
            if state.frames_unseen == 0:
                target.seen_on = frame

    def report(self, kept: KeptFrame) -> tuple[TrackedTarget, ...]:
        """All targets given before this frame, as they stand after it."""
        report = []
        for target in self._targets.values():
            if target.held:
                result = target.standing(Status.LOST, target.held)
            elif target.result is None or target.since.number >= kept.number:
                continue
            else:
                result = target.result
            report.append(_tracked(target, result, kept.frame))
        return tuple(report)

    def stale(self, frame: Frame, reason: str, silence_s: float) -> tuple[TrackedTarget, ...]:
        """All targets as STALE, ``silence_s`` after the last frame."""
        tracked = (
            _tracked(target, target.standing(Status.STALE, reason), frame)
            for target in self._targets.values()
        )
        return tuple(replace(item, unseen_s=item.unseen_s + silence_s) for item in tracked)

    def statuses(self) -> dict[str, Status]:
        """The status of every target by id."""
        return {
            target.target_id: Status.LOST if target.held else target.state.status
            for target in self._targets.values()
        }


def _tracked(target: Target, result: TargetResult, frame: Frame) -> TrackedTarget:
    if not math.isfinite(result.score):
        # The status and its reason already say that the network gave no number.
        result = replace(result, score=0.0)
    return TrackedTarget(target.target_id, result, frame.seconds_since(target.seen_on))
