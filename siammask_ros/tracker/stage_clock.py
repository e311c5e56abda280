"""Measures the stages of a tracking step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class StageClock:
    """Milliseconds that each stage of a step took: crop, network, select, mask."""

    clock: Callable[[], float] = time.perf_counter
    stages_ms: dict[str, float] = field(default_factory=dict)
    _last: float = field(default=0.0)

    def start(self) -> None:
        """Begin to measure."""
        self._last = self.clock()

    def lap(self, stage: str) -> None:
        """Add the time since the last call to ``stage``."""
        now = self.clock()
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now
