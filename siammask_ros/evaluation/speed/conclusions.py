"""What a benchmark comes to, in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from siammask_ros.evaluation.speed.measures import Benchmark, CellResult, Result
from siammask_ros.evaluation.speed.timed_runner import Cell

REFERENCE = "reference"
ALLOWED_J_LOSS = 0.01


def conclude(benchmark: Benchmark) -> list[str]:
    """Sentences on the fastest engines, on many targets, on large images and first frames."""
    ours = [
        result for result in benchmark.measured if any(cell.stages_share for cell in result.cells)
    ]
    models = list(dict.fromkeys(result.model for result in ours))
    sentences = []
    for model in models:
        rows = [result for result in ours if result.model == model]
        sentences += [*_fastest(model, rows), *_fastest_fp32(model, rows)]
    sentences += _compare_models(ours, models)
    sentences += _many_targets(ours)
    sentences += _large_images(ours)
    sentences += _first_frames(ours)
    return sentences


def _single_target_cell(result: Result) -> CellResult | None:
    """The cell with one target on the smallest image."""
    return next((cell for cell in result.cells if cell.targets == 1), None)


def _rank(rows: list[Result]) -> list[tuple[float, Result, CellResult]]:
    """Return the entries with one target, without the reference, fastest first."""
    found = [
        (cell.timing.median_ms, row, cell) for row in rows if (cell := _single_target_cell(row))
    ]
    found = [item for item in found if item[1].engine != REFERENCE]
    return sorted(found, key=lambda item: item[0])


def _fastest(model: str, rows: list[Result]) -> Iterator[str]:
    mean_j = {row.name: row.mean_j for row in rows if row.mean_j is not None}
    exact = [mean_j[row.name] for row in rows if row.precision == "fp32" and row.name in mean_j]
    enough = max(exact) - ALLOWED_J_LOSS if exact else math.inf
    fine = [row for row in rows if mean_j.get(row.name, -math.inf) >= enough]
    for _, row, cell in _rank(fine or rows)[:1]:
        how = (
            f"loses at most {ALLOWED_J_LOSS} mean J against fp32 (mean J {mean_j[row.name]:.3f})"
            if fine
            else "accuracy was not measured"
        )
        yield f"{model}: fastest is {_describe(row, cell)}; {how}."


def _fastest_fp32(model: str, rows: list[Result]) -> Iterator[str]:
    for _, row, cell in _rank([row for row in rows if row.precision == "fp32"])[:1]:
        yield f"{model} in fp32: fastest is {_describe(row, cell)}."


def _describe(row: Result, cell: CellResult) -> str:
    timing = cell.timing
    return (
        f"{row.engine} {row.precision} with {timing.median_ms:.1f} ms, {timing.steps_per_s:.0f} "
        f"frames/s, {cell.times_reference:.2f}× the reference path"
    )


def _compare_models(ours: list[Result], models: list[str]) -> Iterator[str]:
    if "lite" not in models or "resnet50" not in models:
        return
    rows = {(row.model, row.engine, row.precision): row for row in ours}
    factors = []
    for (model, engine, precision), row in rows.items():
        other = rows.get(("resnet50", engine, precision))
        if model == "lite" and engine != REFERENCE and other is not None:
            mine, theirs = _single_target_cell(row), _single_target_cell(other)
            if mine and theirs:
                factor = mine.times_reference / theirs.times_reference
                factors.append(f"{factor:.1f}× on {engine} {precision}")
    if factors:
        yield f"lite against resnet50 on the same engine: {', '.join(factors)}."


def _many_targets(ours: list[Result]) -> Iterator[str]:
    most = max((cell.targets for row in ours for cell in row.cells), default=1)
    costs = []
    for row in ours:
        one = _single_target_cell(row)
        many = one and row.at(Cell(most, one.size))
        if most > 1 and one and many:
            costs.append((many.timing.median_ms / one.timing.median_ms, row.name))
    if costs:
        yield f"{most} targets cost {_describe_range(costs, '.2f')} steps with one."


def _large_images(ours: list[Result]) -> Iterator[str]:
    growths: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    sizes = ""
    for row in ours:
        one, large = _single_target_cell(row), row.cells[-1]
        if one and large.targets == 1 and large.size != one.size:
            growth = large.timing.median_ms / one.timing.median_ms - 1
            growths[row.engine == REFERENCE].append((growth, row.name))
            sizes = f"From {one.size} to {large.size}"
    if growths[False]:
        yield f"{sizes} the tracker's step changes by {_describe_range(growths[False], '+.0%')}."
    if growths[True]:
        yield f"{sizes} the reference path's changes by {_describe_range(growths[True], '+.0%')}."


def _first_frames(ours: list[Result]) -> Iterator[str]:
    firsts = [(one.first_to_median, row.name) for row in ours if (one := _single_target_cell(row))]
    if firsts:
        yield f"The first frame after opening takes {_describe_range(firsts, '.2f')} medians."


def _describe_range(values: list[tuple[float, str]], form: str) -> str:
    """From the least to the most, and whose they are."""
    (least, its_name), (most, other_name) = min(values), max(values)
    if len(values) == 1:
        return f"{least:{form}} ({its_name})"
    return f"{least:{form}} ({its_name}) to {most:{form}} ({other_name})"
