"""The report of the DAVIS benchmark: a table, JSON, J over time, and grids of images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.best_and_worst_frames import (
    draw_compared_masks,
    draw_frame_grid,
    find_best_and_worst,
)
from siammask_ros.evaluation.benchmarks.davis.measuring import ObjectResult
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.metrics.frame_statistics import Measure
from siammask_ros.media.drawing import contact_sheet, evenly_spaced
from siammask_ros.media.plots import measure_over_time
from siammask_ros.media.recording import plain

_COLUMNS = 5


def table(results: Sequence[ObjectResult]) -> str:
    """J and F of every object and their mean over objects, as text; shares from 0 to 1."""
    width = max([len(result.name) for result in results] + [len("mean")])
    columns = f"{'mean':>6}  {'recall':>6}  {'decay':>6}"
    lines = [
        f"{'':{width}}  {'J':^22}  {'F':^22}",
        f"{'':{width}}  {columns}  {columns}  untracked     fps",
    ]
    for result in results:
        j, f = Measure.of(result.j), Measure.of(result.f)
        fps = 1e3 / float(np.median(result.step_ms))
        share = f"{result.untracked}/{len(result.j)}"
        lines.append(f"{result.name:{width}}  {_cells(j)}  {_cells(f)}  {share:>9}  {fps:6.1f}")
    j, f = mean_measures(results)
    lines.append(f"{'mean':{width}}  {_cells(j)}  {_cells(f)}")
    return "\n".join(lines)


def mean_measures(results: Sequence[ObjectResult]) -> tuple[Measure, Measure]:
    """J and F, each the mean over the objects."""
    return (
        Measure.mean_of([Measure.of(result.j) for result in results]),
        Measure.mean_of([Measure.of(result.f) for result in results]),
    )


def _cells(measure: Measure) -> str:
    return f"{measure.mean:6.3f}  {measure.recall:6.3f}  {measure.decay:6.3f}"


def write_report(
    folder: Path,
    sequences: Sequence[DavisSequence],
    results: Sequence[ObjectResult],
    made_with: Mapping[str, Any],
) -> list[Path]:
    """Write summary.json, j_over_time.png and two grids of images to ``folder``.

    contact_sheet.png shows each sequence from start to end, best_and_worst.jpg where J is highest
    and lowest. Reads the masks under ``folder``/masks again. ``made_with`` (engine,
    parameters) is added to the JSON. Returns the paths.
    """
    names = ("summary.json", "j_over_time.png", "contact_sheet.png", "best_and_worst.jpg")
    summary, plot, grid, best_and_worst = (folder / name for name in names)
    by_name = {sequence.name: sequence for sequence in sequences}
    numbers = _summary(by_name, results, made_with)
    summary.write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    measure_over_time(plot, {result.name: result.j for result in results}, "J")
    cv2.imwrite(str(grid), _draw_contact_sheet(sequences, folder / "masks"))
    cv2.imwrite(str(best_and_worst), _draw_best_and_worst(by_name, results, folder / "masks"))
    return [summary, plot, grid, best_and_worst]


def _summary(
    by_name: Mapping[str, DavisSequence],
    results: Sequence[ObjectResult],
    made_with: Mapping[str, Any],
) -> Any:
    j, f = mean_measures(results)
    objects = [
        {
            "name": result.name,
            "j": _numbers(Measure.of(result.j)),
            "f": _numbers(Measure.of(result.f)),
            "frames": len(result.j),
            "file_by_frame": [sequence.image_paths[n].name for n in sequence.counted],
            "untracked_frames": result.untracked,
            "median_step_ms": float(np.median(result.step_ms)),
            "j_by_frame": result.j,
            "f_by_frame": result.f,
        }
        for result in results
        for sequence in [by_name[result.sequence]]
    ]
    return plain({"j": _numbers(j), "f": _numbers(f), "made_with": made_with, "objects": objects})


def _numbers(measure: Measure) -> dict[str, float]:
    return {"mean": measure.mean, "recall": measure.recall, "decay": measure.decay}


def _draw_contact_sheet(sequences: Sequence[DavisSequence], masks: Path) -> NDArray[np.uint8]:
    """A row for each sequence: its masks in colour, the truth as a white line."""
    cells, captions = [], []
    for sequence in sequences:
        numbers = evenly_spaced(_COLUMNS, len(sequence.image_paths))
        for number in numbers + numbers[-1:] * (_COLUMNS - len(numbers)):
            cells.append(draw_compared_masks(sequence, number, masks))
            captions.append(f"{sequence.name} {sequence.image_paths[number].name}")
    return contact_sheet(cells, _COLUMNS, captions)


def _draw_best_and_worst(
    by_name: Mapping[str, DavisSequence], results: Sequence[ObjectResult], masks: Path
) -> NDArray[np.uint8]:
    """A row for each object: where J is highest, then where it is lowest."""
    rows = []
    for result in results:
        best, worst = find_best_and_worst(result.j)
        sequence, places = by_name[result.sequence], best + worst
        numbers = [sequence.counted[place] for place in places]
        cells = [draw_compared_masks(sequence, number, masks) for number in numbers]
        names = [sequence.image_paths[number].name for number in numbers]
        texts = [
            f"{result.name} {name}  J {result.j[place]:.2f}"
            for name, place in zip(names, places, strict=True)
        ]
        rows.append((cells, texts))
    return draw_frame_grid(rows)
