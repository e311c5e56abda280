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

# Last part of the reason of a lost target that is no longer searched.
SEARCH_ENDED = "the search has ended"


@dataclass(slots=True, eq=False)
class Target:
    """One target and its state in the tracker.

    ``last_number`` is the number of the last frame on which it was started or caught up, in the
    stream of number ``stream``. ``seen_at`` is the time of the last frame that showed it. No frame
    is kept. ``stream_interrupted`` says why the search was stopped until there is a new box.
    ``search_expired`` says why it is not searched on this frame; a detector's box resumes the
    search.
    """

    target_id: str
    state: TargetState
    box: RotatedBox
    stream: int
    last_number: int
    seen_at: FrameTime
    result: TargetResult | None = None
    stream_interrupted: str = ""
    search_expired: str = ""
    candidates: CandidateQueue = field(default_factory=CandidateQueue)

    def build_last_result(self, status: Status, reason: str) -> TargetResult:
        """Return the last known box with another status, for a frame without a new result."""
        (x, y), (width, height) = self.state.center_in_image, self.state.size
        xywh = (x - width / 2, y - height / 2, width, height)
        nothing = np.zeros((0, 2), np.int32)
        return TargetResult(status, reason, 0.0, self.box, xywh, None, nothing)

    def prepare_search(self, now: FrameTime, search_s: float) -> bool:
        """Return whether to search it on this frame; select a candidate if it is lost."""
        self.search_expired = ""
        if self.state.status != Status.LOST:
            self.candidates.clear()
            return True
        is_search_over = now.seconds_since(self.seen_at) > search_s
        if self.state.candidate is None:
            box = self.candidates.take(now, alternate=not is_search_over)
            if box is not None:
                self.state = replace(self.state, candidate=Candidate.from_box(box))
        if self.state.candidate or not is_search_over:
            return True
        self.search_expired = f"not found within {search_s:g} s; {SEARCH_ENDED}"
        return False

    def update(self, result: TargetResult, state: TargetState, now: FrameTime) -> None:
        """Store the result of a step."""
        self.state, self.result, self.box = state, result, result.box
        if state.frames_unseen == 0:
            self.seen_at = now
        elif state.candidate is None:
            self.candidates.reject(now)


class TargetTable:
    """Targets in the order in which they were started. Not thread-safe: the session locks."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    def __len__(self) -> int:
        return len(self._targets)

    def __contains__(self, target_id: object) -> bool:
        return target_id in self._targets

    def put(self, target: Target) -> None:
        """Add a target; one with the same id is replaced and keeps its place."""
        self._targets[target.target_id] = target

    def forget(self, target_id: str) -> bool:
        """Remove a target; return False if the id is unknown."""
        return self._targets.pop(target_id, None) is not None

    def clear(self) -> None:
        """Remove all targets."""
        self._targets.clear()

    def find_state(self, target_id: str) -> TargetState | None:
        """Return the tracker's state of a target, or None if the id is unknown."""
        target = self._targets.get(target_id)
        return None if target is None else target.state

    def interrupt_older_streams(self, stream: int, reason: str) -> None:
        """Stop the search for targets of earlier streams; they become LOST with this reason."""
        for target in self._targets.values():
            if target.stream < stream and not target.stream_interrupted:
                target.stream_interrupted = reason

    def select_for_frame(self, kept: KeptFrame, search_s: float) -> list[Target]:
        """Return the targets that were started on an earlier frame of this stream.

        A lost target is included for ``search_s`` after it was last seen, and as long as
        candidates wait to be checked.
        """
        return [
            target
            for target in self._targets.values()
            if not target.stream_interrupted
            and target.stream == kept.stream
            and target.last_number < kept.number
            and target.prepare_search(kept.frame.time, search_s)
        ]

    def set_candidates(self, boxes: Sequence[RotatedBox]) -> None:
        """Replace the candidates of all lost targets."""
        bounds_xywh = np.array([box.bounding_xywh for box in boxes]).reshape(-1, 4)
        for target in self._targets.values():
            if target.state.status == Status.LOST and not target.stream_interrupted:
                target.candidates.replace(boxes, bounds_xywh)

    def update(
        self,
        targets: Sequence[Target],
        results: Sequence[TargetResult],
        states: Sequence[TargetState],
        frame: Frame,
    ) -> None:
        """Store the results of a step."""
        for target, result, state in zip(targets, results, states, strict=True):
            target.update(result, state, frame.time)

    def report(self, kept: KeptFrame) -> tuple[TrackedTarget, ...]:
        """Return the results of all targets that were started before this frame."""
        report = []
        for target in self._targets.values():
            if target.stream_interrupted or target.search_expired:
                reason = target.search_expired
                if target.stream_interrupted:
                    reason = f"{target.stream_interrupted}; {SEARCH_ENDED}"
                result = target.build_last_result(Status.LOST, reason)
            elif target.result is None or target.last_number >= kept.number:
                continue
            else:
                result = target.result
            report.append(_build_tracked_target(target, result, kept.frame))
        return tuple(report)

    def build_stale(self, frame: Frame, reason: str, silence_s: float) -> tuple[TrackedTarget, ...]:
        """Return all targets as STALE, ``silence_s`` after the last frame."""
        tracked = (
            _build_tracked_target(target, target.build_last_result(Status.STALE, reason), frame)
            for target in self._targets.values()
        )
        return tuple(replace(item, unseen_s=item.unseen_s + silence_s) for item in tracked)

    def statuses(self) -> dict[str, Status]:
        """Return the status of every target by id."""
        return {
            target.target_id: Status.LOST if target.stream_interrupted else target.state.status
            for target in self._targets.values()
        }


def _build_tracked_target(target: Target, result: TargetResult, frame: Frame) -> TrackedTarget:
    if not math.isfinite(result.score):
        # Status and reason already say that the network returned NaN.
        result = replace(result, score=0.0)
    return TrackedTarget(target.target_id, result, frame.time.seconds_since(target.seen_at))
