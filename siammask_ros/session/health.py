"""Health of a session: counters, durations and one status for each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from siammask_ros.session.config import ERRORS_IN_A_ROW, MEMORY_ERRORS_IN_A_ROW, SessionConfig
from siammask_ros.session.frames import FAILED, Counters
from siammask_ros.tracker.targets import Status

RECENT_S = 10.0


class Level(IntEnum):
    """Severity; the numbers are those of DiagnosticStatus.msg."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """A severity and the message that explains it."""

    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a session at one moment.

    ``since_…_s`` are seconds since the last such event, None before the first. ``answer_ms`` holds
    p50, p95 and p99 of the time from a frame's arrival to its result, empty before the first.
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
    memory_retries: int
    since_memory_retry_s: float | None
    engine_lost: str
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
        """Frames whose processing raised an exception."""
        return self.counters.dropped.get(FAILED, 0)

    @property
    def is_stalled(self) -> bool:
        """Whether images have stopped arriving; False during a pause."""
        silence_s = self.since_frame_s
        return not self.paused and (
            silence_s is not None and silence_s > self.config.frame_timeout_s
        )

    def image_stream(self) -> HealthStatus:
        """Return whether usable images arrive."""
        timeout_s = self.config.frame_timeout_s
        if self.paused:
            return HealthStatus(Level.WARN, "paused; targets are kept")
        if self.since_frame_s is None:
            level = Level.ERROR if self.running_s > timeout_s else Level.WARN
            why = f"; the last one was refused: {self.last_refusal}" if self.last_refusal else ""
            return HealthStatus(level, f"no image yet for {self.running_s:.1f} s{why}")
        is_silent = self.since_frame_s > timeout_s
        refused_s = self.since_refused_s
        if self.refused_in_row and refused_s is not None and refused_s <= timeout_s:
            level = Level.ERROR if is_silent else Level.WARN
            return HealthStatus(level, f"image refused: {self.last_refusal}")
        if is_silent:
            return HealthStatus(Level.ERROR, f"no image for {self.since_frame_s:.1f} s")
        rate = f"{self.rate_hz:.1f} images/s"
        if is_recent(self.since_inconsistent_s):
            return HealthStatus(Level.WARN, f"{rate}; not all used: {self.last_inconsistency}")
        return HealthStatus(Level.OK, rate)

    def inference(self) -> HealthStatus:
        """Return whether images are processed."""
        if self.engine_lost:
            return HealthStatus(
                Level.ERROR, f"engine lost, restart the process: {self.engine_lost}"
            )
        if self.inference_s is not None and self.inference_s > self.config.inference_timeout_s:
            return HealthStatus(
                Level.ERROR, f"the current inference has been running for {self.inference_s:.1f} s"
            )
        if (
            self.errors_in_row >= ERRORS_IN_A_ROW
            or self.memory_errors_in_row >= MEMORY_ERRORS_IN_A_ROW
        ):
            return HealthStatus(
                Level.ERROR, f"{self.errors_in_row} frames in a row failed: {self.last_error}"
            )
        if self.errors_in_row:
            return HealthStatus(Level.WARN, f"the last frame failed: {self.last_error}")
        if self.paused:
            return HealthStatus(Level.WARN, "paused")
        idle_s = self.since_processed_s
        if idle_s is None or idle_s > self.config.frame_timeout_s:
            waits = self.since_frame_s is None or self.is_stalled
            level = Level.WARN if waits or idle_s is None else Level.ERROR
            return HealthStatus(
                level, "no image was processed" + ("; none arrives" if waits else "")
            )
        if is_recent(self.since_memory_retry_s):
            return HealthStatus(Level.WARN, "out of memory: steps are repeated in two halves")
        return HealthStatus(Level.OK, f"answers in {self.answer_ms['p50']:.1f} ms")

    def targets(self) -> HealthStatus:
        """Return the number of targets, how many are lost, and recent refusals."""
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
        return HealthStatus(Level.OK if is_good else Level.WARN, "; ".join(sentences))


def is_recent(since_s: float | None) -> bool:
    """Return whether an event is recent enough to be reported."""
    return since_s is not None and since_s < RECENT_S
