"""How a session is doing: counters, times and a verdict on each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from siammask_ros.session.config import ERRORS_IN_A_ROW, MEMORY_ERRORS_IN_A_ROW, SessionConfig
from siammask_ros.session.frames import FAILED, Counters
from siammask_ros.tracker.targets import Status

RECENT_S = 10.0


class Level(IntEnum):
    """How bad it is; the numbers are those of DiagnosticStatus.msg."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """A level and the sentence that explains it."""

    level: Level
    sentence: str


@dataclass(frozen=True, slots=True)
class Health:
    """A session at one moment.

    ``since_…_s`` are seconds since the last such event, None before the first. ``answer_ms``
    holds p50, p95 and p99 from a frame's arrival to its result, empty before the first.
    """

    config: SessionConfig
    config_serial: int
    running_s: float
    paused: bool
    counters: Counters
    refused: Mapping[str, int]
    rate_hz: float
    answer_ms: Mapping[str, float]
    since_frame_s: float | None
    since_processed_s: float | None
    inference_s: float | None
    errors_in_row: int
    memory_errors_in_row: int
    last_error: str
    halved: int
    since_halved_s: float | None
    lost: str
    refused_in_row: int
    since_refused_s: float | None
    last_refusal: str
    since_inconsistent_s: float | None
    last_inconsistency: str
    since_box_refused_s: float | None
    last_box_refusal: str
    refused_candidates: int
    since_candidate_refused_s: float | None
    last_candidate_refusal: str
    statuses: Mapping[str, Status]

    @property
    def failed(self) -> int:
        """Frames at which an exception was caught."""
        return self.counters.dropped.get(FAILED, 0)

    @property
    def is_stalled(self) -> bool:
        """Whether images have stopped coming; a pause is no stall."""
        silence_s = self.since_frame_s
        return not self.paused and (
            silence_s is not None and silence_s > self.config.frame_timeout_s
        )

    def image_stream(self) -> Judgement:
        """Whether usable images arrive."""
        timeout_s = self.config.frame_timeout_s
        if self.paused:
            return Judgement(Level.WARN, "paused; targets are kept")
        if self.since_frame_s is None:
            level = Level.ERROR if self.running_s > timeout_s else Level.WARN
            why = f"; the last one was refused: {self.last_refusal}" if self.last_refusal else ""
            return Judgement(level, f"no image yet for {self.running_s:.1f} s{why}")
        is_silent = self.since_frame_s > timeout_s
        refused_s = self.since_refused_s
        if self.refused_in_row and refused_s is not None and refused_s <= timeout_s:
            level = Level.ERROR if is_silent else Level.WARN
            return Judgement(level, f"image refused: {self.last_refusal}")
        if is_silent:
            return Judgement(Level.ERROR, f"no image for {self.since_frame_s:.1f} s")
        rate = f"{self.rate_hz:.1f} images/s"
        if is_recent(self.since_inconsistent_s):
            return Judgement(Level.WARN, f"{rate}; not all used: {self.last_inconsistency}")
        return Judgement(Level.OK, rate)

    def inference(self) -> Judgement:
        """Whether images are answered."""
        if self.lost:
            return Judgement(Level.ERROR, f"the process has to start anew: {self.lost}")
        if self.inference_s is not None and self.inference_s > self.config.inference_timeout_s:
            return Judgement(Level.ERROR, f"an inference hangs for {self.inference_s:.1f} s")
        if (
            self.errors_in_row >= ERRORS_IN_A_ROW
            or self.memory_errors_in_row >= MEMORY_ERRORS_IN_A_ROW
        ):
            return Judgement(
                Level.ERROR, f"{self.errors_in_row} frames in a row failed: {self.last_error}"
            )
        if self.errors_in_row:
            return Judgement(Level.WARN, f"the last frame failed: {self.last_error}")
        if self.paused:
            return Judgement(Level.WARN, "paused")
        idle_s = self.since_processed_s
        if idle_s is None or idle_s > self.config.frame_timeout_s:
            waits = self.since_frame_s is None or self.is_stalled
            level = Level.WARN if waits or idle_s is None else Level.ERROR
            return Judgement(level, "no image was processed" + ("; none arrives" if waits else ""))
        if is_recent(self.since_halved_s):
            return Judgement(Level.WARN, "memory is short: targets are searched in two halves")
        return Judgement(Level.OK, f"answers in {self.answer_ms['p50']:.1f} ms")

    def targets(self) -> Judgement:
        """How the targets stand."""
        lost = sum(status >= Status.LOST for status in self.statuses.values())
        is_stale = bool(self.statuses) and self.is_stalled
        state = "all STALE" if is_stale else f"{lost} of them LOST"
        count = len(self.statuses)
        sentences = [f"{count} {'target' if count == 1 else 'targets'}, {state}"]
        if is_recent(self.since_box_refused_s):
            sentences.append(f"a box was refused: {self.last_box_refusal}")
        if is_recent(self.since_candidate_refused_s):
            sentences.append(f"a candidate was refused: {self.last_candidate_refusal}")
        is_good = not lost and not is_stale and len(sentences) == 1
        return Judgement(Level.OK if is_good else Level.WARN, "; ".join(sentences))


def is_recent(since_s: float | None) -> bool:
    """Whether something that was so long ago is still told."""
    return since_s is not None and since_s < RECENT_S
