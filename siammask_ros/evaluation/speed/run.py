"""Runs a benchmark: each entry takes turns with the reference path, so both see the same load."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from siammask_ros.evaluation.speed.measures import CellResult, Result, Timing, stages_share
from siammask_ros.evaluation.speed.runner_process import RunnerError, RunnerOpener, RunnerProcess
from siammask_ros.evaluation.speed.timed_runner import Block, Cell

# Called with the entry's name and the share of its work done since the last call.
OnProgress = Callable[[str, float], object]

REFERENCE_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class BenchmarkEntry:
    """Something to measure. ``note`` is shown in the report, e.g. "random weights"."""

    model: str
    engine: str
    precision: str
    opener: RunnerOpener
    note: str = ""
    takes_many: bool = True
    measures_accuracy: bool = False

    @property
    def name(self) -> str:
        """Model, engine and precision."""
        return f"{self.model} {self.engine} {self.precision}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured and how long.

    The first of ``sizes`` is used with every number of ``targets``, the others with one. A cell
    gets ``cell_s`` seconds and ``least_steps`` steps, spread over ``rounds``. An entry is
    skipped if the slowest one so far would not finish before ``deadline_s``. An entry that does
    not answer a request for ``patience_s`` is stopped. Accuracy is measured on ``sequences`` of
    ``davis_root``.
    """

    targets: tuple[int, ...] = (1, 2, 4, 8)
    sizes: tuple[str, ...] = ("480p", "720p", "1080p", "4k")
    rounds: int = 6
    cell_s: float = 4.0
    least_steps: int = 12
    reference_s: float = 0.4
    patience_s: float = 900.0
    deadline_s: float = math.inf
    davis_root: str = ""
    sequences: tuple[str, ...] = ()
    masks_folder: str = ""

    @property
    def base(self) -> Cell:
        """The cell on which the reference path is timed."""
        return Cell(1, self.sizes[0])

    def cells(self, entry: BenchmarkEntry) -> list[Cell]:
        """Return the cells of this entry, those with the largest memory last."""
        targets = sorted(self.targets) if entry.takes_many else [1]
        first, *others = self.sizes
        return [Cell(count, first) for count in targets] + [Cell(1, size) for size in others]


def run(
    plan: Plan,
    entries: Sequence[BenchmarkEntry],
    reference: RunnerOpener,
    on_progress: OnProgress = lambda name, share: None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Measure all entries; returns a result for each, in order, also for failed ones.

    Raises RunnerError if the reference path fails.
    """
    until_s = clock() + plan.deadline_s
    longest_s = 0.0
    results = []
    # Every ratio needs the reference path.
    with RunnerProcess(reference, plan.patience_s + REFERENCE_PATIENCE_S) as reference_runner:
        for entry in entries:
            entry_run = _EntryRun(entry, plan, reference_runner, on_progress)
            began_s = clock()
            if began_s + longest_s > until_s:
                entry_run.failure = f"no time left of {plan.deadline_s:.0f} s"
            else:
                entry_run.run()
                longest_s = max(longest_s, clock() - began_s)
            results.append(entry_run.result())
    return results


@dataclass
class _EntryRun:
    """The measurements of one entry so far."""

    entry: BenchmarkEntry
    plan: Plan
    reference: RunnerProcess
    on_progress: OnProgress
    opened_as: tuple[str, str, str] = ("", "", "")
    first_result_s: float = 0.0
    first_ms: dict[Cell, float] = field(default_factory=dict)
    memory_mb: dict[Cell, tuple[float, float]] = field(default_factory=dict)
    blocks: dict[Cell, list[Block]] = field(default_factory=dict)
    reference_ms: list[float] = field(default_factory=list)
    j: list[float] = field(default_factory=list)
    failure: str = ""

    def run(self) -> None:
        """Measure until done or failed; ``failure`` holds the reason."""
        plan = self.plan
        self._progress(0.0)
        share = 1 / (2 + plan.rounds + self._sequence_count())
        try:
            with RunnerProcess(self.entry.opener, plan.patience_s) as runner:
                self.opened_as = (runner.engine, runner.precision, runner.device)
                self.first_result_s = runner.first_result_s
                self._progress(share)
                self._first_steps(runner)
                self._progress(share)
                for _ in range(plan.rounds):
                    self._round(runner)
                    self._progress(share)
                for sequence in plan.sequences[: self._sequence_count()]:
                    self.j += runner.mean_j(plan.davis_root, sequence, plan.masks_folder)
                    self._progress(share)
        except RunnerError as failure:
            self.failure = str(failure)

    def result(self) -> Result:
        """Return the result for the report."""
        entry = self.entry
        engine, precision, device = self.opened_as
        cells = tuple(self._cell(cell) for cell in self.blocks)
        return Result(
            entry.model,
            engine or entry.engine,
            precision or entry.precision,
            device,
            entry.note,
            self.first_result_s,
            statistics.fmean(self.j) if self.j else None,
            cells,
            self.failure,
        )

    def _sequence_count(self) -> int:
        return len(self.plan.sequences) if self.entry.measures_accuracy else 0

    def _progress(self, share: float) -> None:
        self.on_progress(self.entry.name, share)

    def _first_steps(self, runner: RunnerProcess) -> None:
        for cell in self.plan.cells(self.entry):
            self.first_ms[cell] = runner.first_ms(cell)
            self.memory_mb[cell] = runner.memory_mb()

    def _round(self, runner: RunnerProcess) -> None:
        plan = self.plan
        self.reference_ms += self.reference.block(plan.base, plan.reference_s, 2).step_ms
        least = math.ceil(plan.least_steps / plan.rounds)
        for cell in self.first_ms:
            block = runner.block(cell, plan.cell_s / plan.rounds, least)
            self.blocks.setdefault(cell, []).append(block)

    def _cell(self, cell: Cell) -> CellResult:
        blocks = self.blocks[cell]
        step_ms = [value for block in blocks for value in block.step_ms]
        stages_ms = {
            stage: [value for block in blocks for value in block.stages_ms[stage]]
            for stage in blocks[0].stages_ms
        }
        return CellResult(
            cell.targets,
            cell.size,
            Timing.of(step_ms),
            stages_share(stages_ms),
            statistics.median(self.reference_ms),
            self.first_ms[cell],
            *self.memory_mb[cell],
        )
