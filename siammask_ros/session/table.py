"""The targets of a session by their ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.session.candidates import CandidateQueue
from siammask_ros.session.frames import Frame, FrameTime, TrackedTarget
from siammask_ros.session.stream import KeptFrame
from siammask_ros.tracker.targets import Candidate, Status, TargetResult, TargetState

# How the reason of a lost target ends that is not searched for any more.
SEARCH_ENDED = "the search has ended"


@dataclass(slots=True, eq=False)
class Target:
    """One target: what the tracker remembers of it, and since which frame of which stream.

    ``since`` is the number of the last frame that it was started or caught up on, in the stream
    of number ``stream``; ``seen_at`` the time of the last frame that showed it. No frame is kept.
    ``held`` says why it is not searched for any more; only a new box ends that. ``resting`` says
    why it is not searched for on this frame; a detector's box ends that.
    """

    target_id: str
    state: TargetState
    box: RotatedBox
    stream: int
    since: int
    seen_at: FrameTime
    result: TargetResult | None = None
    held: str = ""
    resting: str = ""
    candidates: CandidateQueue = field(default_factory=CandidateQueue)

    def standing(self, status: Status, reason: str) -> TargetResult:
        """Its last known box under another status: nothing new is known of it."""
        (x, y), (width, height) = self.state.center_in_image, self.state.size
        xywh = (x - width / 2, y - height / 2, width, height)
        nothing = np.zeros((0, 2), np.int32)
        return TargetResult(status, reason, 0.0, self.box, xywh, None, nothing)

    def aim(self, now: FrameTime, search_s: float) -> bool:
        """Whether to search for it on this frame; while it is lost, maybe at a candidate."""
        self.resting = ""
        if self.state.status != Status.LOST:
            self.candidates.clear()
            return True
        is_over = now.seconds_since(self.seen_at) > search_s
        if self.state.candidate is None:
            box = self.candidates.take(now, alternate=not is_over)
            if box is not None:
                self.state = replace(self.state, candidate=Candidate.at(box))
        if self.state.candidate or not is_over:
            return True
        self.resting = f"not found within {search_s:g} s; {SEARCH_ENDED}"
        return False

    def take_up(self, result: TargetResult, state: TargetState, now: FrameTime) -> None:
        """What a step said of it."""
        self.state, self.result, self.box = state, result, result.box
        if state.frames_unseen == 0:
            self.seen_at = now
        elif state.candidate is None:
            self.candidates.reject(now)


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
            if target.stream < stream and not target.held:
                target.held = reason

    def searched_on(self, kept: KeptFrame, search_s: float) -> list[Target]:
        """The targets to look for on this frame: given on an earlier one of its stream.

        A lost one is among them for ``search_s`` after it was last seen, and as long as boxes that
        were offered wait to be looked at.
        """
        return [
            target
            for target in self._targets.values()
            if not target.held
            and target.stream == kept.stream
            and target.since < kept.number
            and target.aim(kept.frame.time, search_s)
        ]

    def offer(self, boxes: Sequence[RotatedBox]) -> None:
        """Has the lost targets looked for at these boxes instead of earlier ones."""
        bounds_xywh = np.array([box.bounding_xywh for box in boxes]).reshape(-1, 4)
        for target in self._targets.values():
            if target.state.status == Status.LOST and not target.held:
                target.candidates.offer(boxes, bounds_xywh)

    def update(
        self,
        targets: Sequence[Target],
        results: Sequence[TargetResult],
        states: Sequence[TargetState],
        frame: Frame,
    ) -> None:
        """Takes up what a step said of these targets."""
        for target, result, state in zip(targets, results, states, strict=True):
            target.take_up(result, state, frame.time)

    def report(self, kept: KeptFrame) -> tuple[TrackedTarget, ...]:
        """All targets given before this frame, as they stand after it."""
        report = []
        for target in self._targets.values():
            if target.held or target.resting:
                held = f"{target.held}; {SEARCH_ENDED}" if target.held else ""
                result = target.standing(Status.LOST, held or target.resting)
            elif target.result is None or target.since >= kept.number:
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
    return TrackedTarget(target.target_id, result, frame.time.seconds_since(target.seen_at))
