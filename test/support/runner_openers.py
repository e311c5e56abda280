"""Openers for runner processes that need no network; the process imports them by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from support.fake_engine import FakeEngine

from siammask_ros.errors import EngineError
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.speed.runner_process import OpenedRunner
from siammask_ros.evaluation.speed.runners import Step, TrackerRunner
from siammask_ros.evaluation.speed.scene import Scene
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker


def open_fake() -> OpenedRunner:
    """A tracker with the engine that follows a colour."""
    runner = TrackerRunner(Tracker(FakeEngine(), find_preset("lite")))
    return OpenedRunner(runner, "fake", "fp32", "cpu", lambda: 12.0)


def refuse() -> OpenedRunner:
    raise EngineError("engine fake is not installed;\nrun: nothing")


def break_down() -> OpenedRunner:
    raise ZeroDivisionError("a bug")


@dataclass(frozen=True)
class OpenTroubled:
    """Answers the first steps, then does ``trouble``: die, raise or hang."""

    trouble: str
    steps: int

    def __call__(self) -> OpenedRunner:
        return OpenedRunner(_Troubled(self.trouble, self.steps), "troubled", "fp32", "cpu")


class _Troubled:
    def __init__(self, trouble: str, steps: int) -> None:
        self.trouble = trouble
        self.steps = steps

    def warm_up(self, targets: int) -> None:
        pass

    def prepare(self, scene: Scene) -> Step:
        return self._step

    def mean_j(self, sequence: DavisSequence, masks_folder: Path) -> list[float]:
        return []

    def _step(self, number: int) -> dict[str, float]:
        self.steps -= 1
        if self.steps < 0 and self.trouble == "die":
            os._exit(9)
        if self.steps < 0 and self.trouble == "raise":
            raise EngineError("out of memory")
        if self.steps < 0 and self.trouble == "hang":
            time.sleep(600)
        return {"network": 1.0}
