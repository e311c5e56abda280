"""Times a runner in short blocks, so that several runners can take turns on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
from siammask_ros.evaluation.speed.runners import Runner, Step
from siammask_ros.evaluation.speed.scene import make_moving_squares

WARM_UP_SIZE = "480p"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a block measures: a number of targets in an image of this size."""

    targets: int = 1
    size: str = WARM_UP_SIZE


@dataclass(frozen=True, slots=True)
class Block:
    """The time of each step, and of each stage of each step, in milliseconds."""

    step_ms: tuple[float, ...]
    stages_ms: dict[str, tuple[float, ...]]


class TimedRunner:
    """A runner and its scenes. The scene of a cell is made when the cell is first used."""

    def __init__(self, runner: Runner, clock: Callable[[], float] = time.perf_counter) -> None:
        self._runner = runner
        self._clock = clock
        self._steps: dict[Cell, Step] = {}
        self._number = 0

    def warm_up(self) -> None:
        """Do what a node with one target does before its first result."""
        self._runner.warm_up(1)
        self._time_step(self._get_step(Cell()))

    def first_ms(self, cell: Cell) -> float:
        """Return the time of the first step on this cell in milliseconds.

        The runner is warmed up for this number of targets first, as a node is when configured.
        """
        self._runner.warm_up(cell.targets)
        step_ms, _ = self._time_step(self._get_step(cell))
        return step_ms

    def block(self, cell: Cell, seconds: float, least: int) -> Block:
        """Time steps for ``seconds``, and at least ``least`` (1 or more) steps.

        One step before them is not counted: the previous runner has filled the CPU's caches.
        """
        step = self._get_step(cell)
        self._time_step(step)
        rows: list[tuple[float, dict[str, float]]] = []
        until = self._clock() + seconds
        while len(rows) < least or self._clock() < until:
            rows.append(self._time_step(step))
        _, stages = rows[0]
        return Block(
            tuple(step_ms for step_ms, _ in rows),
            {stage: tuple(stages_ms[stage] for _, stages_ms in rows) for stage in stages},
        )

    def mean_j(self, root: str, sequence: str, masks_folder: str) -> list[float]:
        """Return the mean J of each object of a DAVIS-2016 sequence; empty without masks."""
        (found,) = davis_sequences(Path(root), 2016, [sequence])
        return self._runner.mean_j(found, Path(masks_folder))

    def _time_step(self, step: Step) -> tuple[float, dict[str, float]]:
        """Run the next step; returns its time and its stages' times in milliseconds."""
        self._number += 1
        started_s = self._clock()
        stages_ms = step(self._number)
        return (self._clock() - started_s) * 1e3, stages_ms

    def _get_step(self, cell: Cell) -> Step:
        if cell not in self._steps:
            self._steps[cell] = self._runner.prepare(make_moving_squares(cell.size, cell.targets))
        return self._steps[cell]
