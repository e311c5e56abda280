"""The results of a benchmark as plain values: times, shares and ratios; also as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from siammask_ros.errors import DataError
from siammask_ros.evaluation.speed.timed_runner import Cell
from siammask_ros.media.recording import plain

STAGES = ("crop", "network", "select", "mask")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a step takes, in milliseconds, over so many steps."""

    steps: int
    median_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, step_ms: Sequence[float]) -> Timing:
        """The timing of these steps; raises ValueError for none."""
        if not len(step_ms):
            raise ValueError("a timing needs at least one step")
        median, p95, p99 = np.percentile(step_ms, (50, 95, 99))
        return cls(len(step_ms), float(median), float(p95), float(p99))

    @property
    def steps_per_s(self) -> float:
        """Frames a second at the median."""
        return 1e3 / self.median_ms


@dataclass(frozen=True, slots=True)
class CellResult:
    """An entry on one cell.

    ``stages_share`` is each stage's part of the step, summing to 1, empty where it is not known.
    ``reference_ms`` is the reference path's median for one target in the same minutes.
    ``first_ms`` is the first step on this cell. ``peak_memory_mb`` is the process's, libraries
    included, as far as this cell; ``device_memory_mb`` an accelerator's.
    """

    targets: int
    size: str
    timing: Timing
    stages_share: Mapping[str, float]
    reference_ms: float
    first_ms: float
    peak_memory_mb: float
    device_memory_mb: float = 0.0

    @property
    def cell(self) -> Cell:
        """Which cell it is."""
        return Cell(self.targets, self.size)

    @property
    def times_reference(self) -> float:
        """How many times as fast as the reference path, which follows one target after another."""
        return self.targets * self.reference_ms / self.timing.median_ms

    @property
    def first_to_median(self) -> float:
        """The first step in medians."""
        return self.first_ms / self.timing.median_ms


@dataclass(frozen=True, slots=True)
class Result:
    """An entry, with its measurements or the reason why there are none.

    ``first_result_s`` runs from the start of its process to its first answer. ``mean_j`` is None
    where accuracy was not measured.
    """

    model: str
    engine: str
    precision: str
    device: str = ""
    note: str = ""
    first_result_s: float = 0.0
    mean_j: float | None = None
    cells: tuple[CellResult, ...] = ()
    failure: str = ""

    @property
    def name(self) -> str:
        """Model, engine and precision."""
        return f"{self.model} {self.engine} {self.precision}"

    def at(self, cell: Cell) -> CellResult | None:
        """What was measured on this cell, if anything."""
        return next((result for result in self.cells if result.cell == cell), None)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A whole run: the machine, the method and every entry's result."""

    machine: Mapping[str, str]
    how: Mapping[str, str]
    results: tuple[Result, ...]

    @property
    def measured(self) -> list[Result]:
        """The results that have numbers."""
        return [result for result in self.results if result.cells]

    @property
    def failed(self) -> list[Result]:
        """The results that have none, or not all."""
        return [result for result in self.results if result.failure]


def stages_share(stages_ms: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each stage's part of all stages' time, by the median over the steps."""
    medians = {stage: float(np.median(values)) for stage, values in stages_ms.items()}
    total = sum(medians.values())
    return {stage: value / total for stage, value in medians.items()} if total else {}


def benchmark_as_json(benchmark: Benchmark) -> Any:
    """The benchmark as JSON knows it, with what can be computed from it for easy reading."""
    content = asdict(benchmark)
    for result, item in zip(benchmark.results, content["results"], strict=True):
        for cell, row in zip(result.cells, item["cells"], strict=True):
            row["frames_per_s"] = cell.timing.steps_per_s
            row["times_reference"] = cell.times_reference
            row["first_to_median"] = cell.first_to_median
    return plain(content)


def benchmark_from_json(content: Any) -> Benchmark:
    """The benchmark that was written as JSON; raises DataError for anything else."""
    try:
        results = []
        for item in content["results"]:
            cells = tuple(
                _build(CellResult, {**cell, "timing": _build(Timing, cell["timing"])})
                for cell in item["cells"]
            )
            results.append(_build(Result, {**item, "cells": cells}))
        return Benchmark(dict(content["machine"]), dict(content["how"]), tuple(results))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"this is no benchmark ({error!r}); expected a bench.json that siammask bench wrote"
        ) from error


def _build(kind: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass of those of the values that are its fields; raises KeyError for a missing one."""
    return kind(**{item.name: values[item.name] for item in fields(kind)})
