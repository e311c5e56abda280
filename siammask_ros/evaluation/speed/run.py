"""A benchmark: every contestant takes turns with the reference path, on the same minutes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from siammask_ros.evaluation.speed.measures import CellResult, Result, Timing, stages_share
from siammask_ros.evaluation.speed.runner_process import LaneFailure, LaneProcess, Opener
from siammask_ros.evaluation.speed.timed_runner import Block, Cell

# The contestant's name, and what part of its work is done since the last call.
OnProgress = Callable[[str, float], object]

REFERENCE_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something to be measured. ``note`` is for its reader, as "random weights"."""

    model: str
    engine: str
    precision: str
    opener: Opener
    note: str = ""
    takes_many: bool = True
    is_judged: bool = False

    @property
    def name(self) -> str:
        """Model, engine and precision."""
        return f"{self.model} {self.engine} {self.precision}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured and how long.

    The first of ``sizes`` is used with every number of ``targets``, the others with one. A cell
    gets ``cell_s`` seconds and ``least_steps`` steps, spread over ``rounds``. No contestant
    begins that could not end before ``deadline_s``, as the slowest so far tells; one that leaves
    a question unanswered for ``patience_s`` is ended. Accuracy is measured on ``sequences`` of
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
        """The cell that the reference path is timed on."""
        return Cell(1, self.sizes[0])

    def cells(self, contestant: Contestant) -> list[Cell]:
        """What this contestant is measured on, the largest memory last."""
        targets = sorted(self.targets) if contestant.takes_many else [1]
        first, *others = self.sizes
        return [Cell(count, first) for count in targets] + [Cell(1, size) for size in others]


def run(
    plan: Plan,
    contestants: Sequence[Contestant],
    reference: Opener,
    on_progress: OnProgress = lambda name, share: None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """A result for every contestant, in order, also for those that could not be measured.

    Raises LaneFailure where the reference path itself fails.
    """
    until_s = clock() + plan.deadline_s
    longest_s = 0.0
    results = []
    # Without it there are no numbers at all.
    with LaneProcess(reference, plan.patience_s + REFERENCE_PATIENCE_S) as reference_lane:
        for contestant in contestants:
            course = _Course(contestant, plan, reference_lane, on_progress)
            began_s = clock()
            if began_s + longest_s > until_s:
                course.failure = f"no time left of {plan.deadline_s:.0f} s"
            else:
                course.run()
                longest_s = max(longest_s, clock() - began_s)
            results.append(course.result())
    return results


@dataclass
class _Course:
    """What is collected of one contestant while it is measured."""

    contestant: Contestant
    plan: Plan
    reference: LaneProcess
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
        """Measures as far as it goes; why it ended early is in ``failure``."""
        plan = self.plan
        self._progress(0.0)
        share = 1 / (2 + plan.rounds + self._judged_sequences())
        try:
            with LaneProcess(self.contestant.opener, plan.patience_s) as lane:
                self.opened_as = (lane.engine, lane.precision, lane.device)
                self.first_result_s = lane.first_result_s
                self._progress(share)
                self._first_steps(lane)
                self._progress(share)
                for _ in range(plan.rounds):
                    self._round(lane)
                    self._progress(share)
                for sequence in plan.sequences[: self._judged_sequences()]:
                    self.j += lane.mean_j(plan.davis_root, sequence, plan.masks_folder)
                    self._progress(share)
        except LaneFailure as failure:
            self.failure = str(failure)

    def result(self) -> Result:
        """What there is, for the report."""
        contestant = self.contestant
        engine, precision, device = self.opened_as
        cells = tuple(self._cell(cell) for cell in self.blocks)
        return Result(
            contestant.model,
            engine or contestant.engine,
            precision or contestant.precision,
            device,
            contestant.note,
            self.first_result_s,
            statistics.fmean(self.j) if self.j else None,
            cells,
            self.failure,
        )

    def _judged_sequences(self) -> int:
        return len(self.plan.sequences) if self.contestant.is_judged else 0

    def _progress(self, share: float) -> None:
        self.on_progress(self.contestant.name, share)

    def _first_steps(self, lane: LaneProcess) -> None:
        for cell in self.plan.cells(self.contestant):
            self.first_ms[cell] = lane.first_ms(cell)
            self.memory_mb[cell] = lane.memory_mb()

    def _round(self, lane: LaneProcess) -> None:
        plan = self.plan
        self.reference_ms += self.reference.block(plan.base, plan.reference_s, 2).step_ms
        least = math.ceil(plan.least_steps / plan.rounds)
        for cell in self.first_ms:
            block = lane.block(cell, plan.cell_s / plan.rounds, least)
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
