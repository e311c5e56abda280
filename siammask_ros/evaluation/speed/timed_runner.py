"""One runner, timed block by block, so that several can take turns on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
from siammask_ros.evaluation.speed.runners import Runner, Step
from siammask_ros.evaluation.speed.scene import moving_squares

WARM_UP_SIZE = "480p"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a block is measured on: so many targets in a picture of this size."""

    targets: int = 1
    size: str = WARM_UP_SIZE


@dataclass(frozen=True, slots=True)
class Block:
    """Milliseconds of a few steps, and of each stage of each of them."""

    step_ms: tuple[float, ...]
    stages_ms: dict[str, tuple[float, ...]]


class Lane:
    """A runner with its scenes; cells are set up when they first occur."""

    def __init__(self, runner: Runner, clock: Callable[[], float] = time.perf_counter) -> None:
        self._runner = runner
        self._clock = clock
        self._steps: dict[Cell, Step] = {}
        self._number = 0

    def warm_up(self) -> None:
        """What a node with one target does until its first answer."""
        self._runner.warm_up(1)
        self._timed(self._step_of(Cell()))

    def first_ms(self, cell: Cell) -> float:
        """Milliseconds of the first step with so many targets on a picture of this size.

        Before it the runner is warmed up for so many, as a node is when it is configured.
        """
        self._runner.warm_up(cell.targets)
        step_ms, _ = self._timed(self._step_of(cell))
        return step_ms

    def block(self, cell: Cell, seconds: float, least: int) -> Block:
        """Steps for so many seconds, and ``least`` of them, one or more, anyhow.

        The step before them does not count: whoever had its turn has left the caches to itself.
        """
        step = self._step_of(cell)
        self._timed(step)
        rows: list[tuple[float, dict[str, float]]] = []
        until = self._clock() + seconds
        while len(rows) < least or self._clock() < until:
            rows.append(self._timed(step))
        _, stages = rows[0]
        return Block(
            tuple(step_ms for step_ms, _ in rows),
            {stage: tuple(stages_ms[stage] for _, stages_ms in rows) for stage in stages},
        )

    def mean_j(self, root: str, sequence: str, masks_folder: str) -> list[float]:
        """Mean J of each object of a DAVIS-2016 sequence; empty without masks."""
        (found,) = davis_sequences(Path(root), 2016, [sequence])
        return self._runner.mean_j(found, Path(masks_folder))

    def _timed(self, step: Step) -> tuple[float, dict[str, float]]:
        """Milliseconds of the next step, and of its stages."""
        self._number += 1
        started_s = self._clock()
        stages_ms = step(self._number)
        return (self._clock() - started_s) * 1e3, stages_ms

    def _step_of(self, cell: Cell) -> Step:
        if cell not in self._steps:
            self._steps[cell] = self._runner.ready(moving_squares(cell.size, cell.targets))
        return self._steps[cell]
