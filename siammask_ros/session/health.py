"""How a session is doing: counters, times and a verdict on each part."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.session.config import ERRORS_IN_A_ROW, MEMORY_ERRORS_IN_A_ROW, SessionConfig
from siammask_ros.session.frames import Counters
from siammask_ros.session.stream import INCONSISTENT, Discarded
from siammask_ros.tracker.targets import Status

WINDOW_FRAMES = 300
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
    failed: int
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
    last_refusal: str
    since_inconsistent_s: float | None
    last_inconsistency: str
    last_box_refusal: str
    refused_candidates: int
    last_candidate_refusal: str
    statuses: Mapping[str, Status]

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
        if self.refused_in_row:
            level = Level.ERROR if self.since_frame_s > timeout_s else Level.WARN
            return Judgement(level, f"image refused: {self.last_refusal}")
        if self.since_frame_s > timeout_s:
            return Judgement(Level.ERROR, f"no image for {self.since_frame_s:.1f} s")
        rate = f"{self.rate_hz:.1f} images/s"
        if _is_recent(self.since_inconsistent_s):
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
        if _is_recent(self.since_halved_s):
            return Judgement(Level.WARN, "memory is short: targets are searched in two halves")
        return Judgement(Level.OK, f"answers in {self.answer_ms['p50']:.1f} ms")

    def targets(self) -> Judgement:
        """How the targets stand."""
        lost = sum(status >= Status.LOST for status in self.statuses.values())
        if self.last_box_refusal:
            return Judgement(Level.WARN, f"a box was refused: {self.last_box_refusal}")
        if self.last_candidate_refusal:
            return Judgement(Level.WARN, f"a candidate was refused: {self.last_candidate_refusal}")
        if self.statuses and self.is_stalled:
            return Judgement(Level.WARN, f"{len(self.statuses)} targets, all STALE")
        level = Level.WARN if lost else Level.OK
        return Judgement(level, f"{len(self.statuses)} targets, {lost} of them LOST")


@dataclass(slots=True)
class HealthRecord:
    """What a session writes down while it runs. Not thread-safe: its session locks."""

    began_s: float
    received: int = 0
    processed: int = 0
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors_in_row: int = 0
    memory_errors_in_row: int = 0
    last_error: str = ""
    halved: int = 0
    lost: str = ""
    refused_in_row: int = 0
    last_refusal: str = ""
    last_inconsistency: str = ""
    last_box_refusal: str = ""
    refused_candidates: int = 0
    last_candidate_refusal: str = ""
    frame_s: float | None = None
    processed_s: float | None = None
    inference_since_s: float | None = None
    halved_s: float | None = None
    inconsistent_s: float | None = None
    _arrivals_s: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    _answers_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW_FRAMES))

    def frame_arrived(self, now_s: float) -> None:
        """A usable frame."""
        self.received += 1
        self.refused_in_row = 0
        self.frame_s = now_s
        self._arrivals_s.append(now_s)

    def frame_refused(self, kind: str, reason: str) -> None:
        """A frame that could not be used."""
        self.received += 1
        self.refused[kind] += 1
        self.refused_in_row += 1
        self.last_refusal = reason

    def frame_discarded(self, now_s: float, discarded: Discarded) -> bool:
        """A frame that is not used; whether that is worth a line in the log."""
        self.dropped[discarded.kind] += 1
        if discarded.kind != INCONSISTENT:
            return False
        is_news = not _is_recent(_since(now_s, self.inconsistent_s))
        self.inconsistent_s = now_s
        self.last_inconsistency = discarded.reason
        return is_news

    def frame_processed(self, now_s: float, answer_ms: float) -> None:
        """A frame that was answered."""
        self.processed += 1
        self.errors_in_row = self.memory_errors_in_row = 0
        self.processed_s = now_s
        self._answers_ms.append(answer_ms)

    def frame_failed(self, error: Exception) -> None:
        """A frame at which an exception was caught."""
        self.failed += 1
        self.errors_in_row += 1
        is_of_memory = isinstance(error, EngineMemoryError)
        self.memory_errors_in_row = self.memory_errors_in_row + 1 if is_of_memory else 0
        self.last_error = f"{type(error).__name__}: {error}"

    def frame_halved(self, now_s: float) -> bool:
        """A frame for which memory was short; whether the last such one is long ago."""
        is_news = not _is_recent(_since(now_s, self.halved_s))
        self.halved += 1
        self.halved_s = now_s
        return is_news

    def candidates_refused(self, count: int, reason: str = "") -> None:
        """So many of a detector's boxes could not be used; none of the last ones without reason."""
        self.refused_candidates += count
        self.last_candidate_refusal = reason

    def counters(self) -> Counters:
        """The counts so far."""
        return Counters(self.received, self.processed, dict(self.dropped))

    def health(
        self,
        now_s: float,
        config: SessionConfig,
        config_serial: int,
        paused: bool,
        statuses: Mapping[str, Status],
    ) -> Health:
        """The record as a value, at this moment."""
        return Health(
            config=config,
            config_serial=config_serial,
            running_s=now_s - self.began_s,
            paused=paused,
            counters=self.counters(),
            refused=dict(self.refused),
            failed=self.failed,
            rate_hz=self._rate_hz(),
            answer_ms=self._percentiles(),
            since_frame_s=_since(now_s, self.frame_s),
            since_processed_s=_since(now_s, self.processed_s),
            inference_s=_since(now_s, self.inference_since_s),
            errors_in_row=self.errors_in_row,
            memory_errors_in_row=self.memory_errors_in_row,
            last_error=self.last_error,
            halved=self.halved,
            since_halved_s=_since(now_s, self.halved_s),
            lost=self.lost,
            refused_in_row=self.refused_in_row,
            last_refusal=self.last_refusal,
            since_inconsistent_s=_since(now_s, self.inconsistent_s),
            last_inconsistency=self.last_inconsistency,
            last_box_refusal=self.last_box_refusal,
            refused_candidates=self.refused_candidates,
            last_candidate_refusal=self.last_candidate_refusal,
            statuses=statuses,
        )

    def _rate_hz(self) -> float:
        if len(self._arrivals_s) < 2:
            return 0.0
        span_s = self._arrivals_s[-1] - self._arrivals_s[0]
        return (len(self._arrivals_s) - 1) / span_s if span_s > 0 else 0.0

    def _percentiles(self) -> dict[str, float]:
        if not self._answers_ms:
            return {}
        values = np.percentile(self._answers_ms, (50, 95, 99))
        return dict(zip(("p50", "p95", "p99"), (float(value) for value in values), strict=True))


def _since(now_s: float, then_s: float | None) -> float | None:
    return None if then_s is None else max(now_s - then_s, 0.0)


def _is_recent(since_s: float | None) -> bool:
    return since_s is not None and since_s < RECENT_S
