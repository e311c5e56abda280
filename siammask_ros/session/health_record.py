"""Counters and event times that a session collects, and the Health value built from them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.session.config import SessionConfig
from siammask_ros.session.frames import FAILED, REFUSED, REPLACED, Counters
from siammask_ros.session.health import Health, is_recent
from siammask_ros.session.stream import INCONSISTENT, DiscardReason
from siammask_ros.tracker.targets import Status

WINDOW_FRAMES = 300


@dataclass(slots=True)
class HealthRecord:
    """Counters and event times of a running session. Not thread-safe: the session locks."""

    began_s: float
    received: int = 0
    processed: int = 0
    paused: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors_in_row: int = 0
    memory_errors_in_row: int = 0
    last_error: str = ""
    memory_retries: int = 0
    engine_lost: str = ""
    refused_in_row: int = 0
    last_refusal: str = ""
    last_inconsistency: str = ""
    last_box_refusal: str = ""
    refused_candidates: int = 0
    last_candidate_refusal: str = ""
    frame_s: float | None = None
    processed_s: float | None = None
    inference_since_s: float | None = None
    memory_retry_s: float | None = None
    refused_s: float | None = None
    box_refused_s: float | None = None
    candidate_refused_s: float | None = None
    inconsistent_s: float | None = None
    _errors_before: int = 0
    _arrivals_s: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    _answers_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW_FRAMES))

    def add_arrived_frame(self, now_s: float) -> None:
        """Count a usable frame."""
        self.received += 1
        self.refused_in_row = 0
        self.frame_s = now_s
        self._arrivals_s.append(now_s)

    def add_refused_frame(self, now_s: float, kind: str, reason: str) -> None:
        """Count a frame that could not be converted or submitted."""
        self.received += 1
        self.dropped[REFUSED] += 1
        self.refused[kind] += 1
        self.refused_s = now_s
        self.refused_in_row += 1
        self.last_refusal = reason

    def add_replaced_frame(self, paused: bool) -> None:
        """Count a waiting frame that a newer one replaced."""
        if paused:
            self.paused += 1
        else:
            self.dropped[REPLACED] += 1

    def add_discarded_frame(self, now_s: float, discarded: DiscardReason) -> bool:
        """Count a frame that is not used; return whether to log it."""
        self.dropped[discarded.kind] += 1
        if discarded.kind != INCONSISTENT:
            return False
        is_first = not is_recent(_since(now_s, self.inconsistent_s))
        self.inconsistent_s = now_s
        self.last_inconsistency = discarded.reason
        return is_first

    def add_processed_frame(self, now_s: float, answer_ms: float) -> None:
        """Count a frame with a result."""
        self.processed += 1
        self._errors_before = self.errors_in_row
        self.errors_in_row = self.memory_errors_in_row = 0
        self.processed_s = now_s
        self._answers_ms.append(answer_ms)

    def add_failed_frame(self, error: Exception) -> None:
        """Count a frame whose processing failed."""
        self.dropped[FAILED] += 1
        self.errors_in_row += 1
        is_out_of_memory = isinstance(error, EngineMemoryError)
        self.memory_errors_in_row = self.memory_errors_in_row + 1 if is_out_of_memory else 0
        self.last_error = f"{type(error).__name__}: {error}"

    def add_failed_delivery(self, error: Exception) -> None:
        """Count the last processed frame as failed, because its result could not be delivered."""
        self.processed -= 1
        self.errors_in_row = self._errors_before
        self.add_failed_frame(error)

    def add_memory_retry(self, now_s: float) -> bool:
        """Count a step that was repeated in two halves; return whether to log it."""
        is_first = not is_recent(_since(now_s, self.memory_retry_s))
        self.memory_retries += 1
        self.memory_retry_s = now_s
        return is_first

    def add_refused_box(self, now_s: float, reason: str) -> None:
        """Record why a box was refused."""
        self.box_refused_s, self.last_box_refusal = now_s, reason

    def clear_refused_box(self) -> None:
        """Stop reporting an earlier refusal, because a box was accepted."""
        self.box_refused_s = None

    def add_refused_candidates(self, now_s: float, count: int, reason: str = "") -> None:
        """Count refused candidates; without a reason, none of the last message was refused."""
        self.refused_candidates += count
        self.candidate_refused_s = now_s if reason else None
        self.last_candidate_refusal = reason

    def counters(self) -> Counters:
        """Return the frame counters."""
        return Counters(self.received, self.processed, dict(self.dropped), self.paused)

    def health(
        self,
        now_s: float,
        config: SessionConfig,
        config_serial: int,
        paused: bool,
        statuses: Mapping[str, Status],
    ) -> Health:
        """Return the health at this moment."""
        return Health(
            config=config,
            config_serial=config_serial,
            running_s=now_s - self.began_s,
            paused=paused,
            counters=self.counters(),
            refused=dict(self.refused),
            rate_hz=self._rate_hz(),
            answer_ms=self._percentiles(),
            since_frame_s=_since(now_s, self.frame_s),
            since_processed_s=_since(now_s, self.processed_s),
            inference_s=_since(now_s, self.inference_since_s),
            errors_in_row=self.errors_in_row,
            memory_errors_in_row=self.memory_errors_in_row,
            last_error=self.last_error,
            memory_retries=self.memory_retries,
            since_memory_retry_s=_since(now_s, self.memory_retry_s),
            engine_lost=self.engine_lost,
            refused_in_row=self.refused_in_row,
            since_refused_s=_since(now_s, self.refused_s),
            last_refusal=self.last_refusal,
            since_inconsistent_s=_since(now_s, self.inconsistent_s),
            last_inconsistency=self.last_inconsistency,
            since_box_refused_s=_since(now_s, self.box_refused_s),
            last_box_refusal=self.last_box_refusal,
            refused_candidates=self.refused_candidates,
            since_candidate_refused_s=_since(now_s, self.candidate_refused_s),
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
