"""What a run of the benchmark leaves: a table, JSON, J over time, and a sheet of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.davis import Measure, ObjectResult
from siammask_ros.evaluation.sequences import DavisSequence
from siammask_ros.media.drawing import colour_of, contact_sheet, evenly_spaced
from siammask_ros.media.plots import measure_over_time
from siammask_ros.media.recording import plain

_SHEET_WIDTH = 480
_SHEET_COLUMNS = 5
_TRUTH_BGR = (255, 255, 255)


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
    """Writes summary.json, j_over_time.png and contact_sheet.png to ``folder``.

    Reads the masks under ``folder``/masks again. ``made_with`` says in the JSON which engine and
    settings gave the numbers. Returns the files.
    """
    summary, plot, sheet = (
        folder / name for name in ("summary.json", "j_over_time.png", "contact_sheet.png")
    )
    summary.write_text(json.dumps(_summary(results, made_with), indent=1), encoding="utf-8")
    measure_over_time(plot, {result.name: result.j for result in results}, "J")
    cv2.imwrite(str(sheet), _sheet(sequences, folder / "masks"))
    return [summary, plot, sheet]


def _summary(results: Sequence[ObjectResult], made_with: Mapping[str, Any]) -> Any:
    j, f = mean_measures(results)
    objects = [
        {
            "name": result.name,
            "j": _numbers(Measure.of(result.j)),
            "f": _numbers(Measure.of(result.f)),
            "frames": len(result.j),
            "untracked_frames": result.untracked,
            "median_step_ms": float(np.median(result.step_ms)),
            "j_by_frame": result.j,
            "f_by_frame": result.f,
        }
        for result in results
    ]
    return plain({"j": _numbers(j), "f": _numbers(f), "made_with": made_with, "objects": objects})


def _numbers(measure: Measure) -> dict[str, float]:
    return {"mean": measure.mean, "recall": measure.recall, "decay": measure.decay}


def _sheet(sequences: Sequence[DavisSequence], masks: Path) -> NDArray[np.uint8]:
    """A row for each sequence: its masks in colour, the truth as a white line."""
    cells, captions = [], []
    for sequence in sequences:
        numbers = evenly_spaced(_SHEET_COLUMNS, len(sequence.image_paths))
        for number in numbers + numbers[-1:] * (_SHEET_COLUMNS - len(numbers)):
            cells.append(_compared(sequence, number, masks))
            captions.append(f"{sequence.name} {number}")
    return contact_sheet(cells, _SHEET_COLUMNS, captions)


def _compared(sequence: DavisSequence, number: int, masks: Path) -> NDArray[np.uint8]:
    path = masks / sequence.name / sequence.annotation_paths[number].name
    predicted = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if predicted is None:
        raise DataError(f"{path} cannot be read back; was it changed meanwhile?")
    image, truth = sequence.image(number), sequence.labels(number)
    for label in (int(value) for value in np.unique(predicted) if value):
        # 255 stands for the one target of DAVIS-2016.
        colour = np.array(colour_of("1" if label == 255 else str(label)))
        where = predicted == label
        image[where] = (image[where] * 0.45 + colour * 0.55).astype(np.uint8)
    for label in (int(value) for value in np.unique(truth) if value):
        region = (truth == label).astype(np.uint8)
        lines, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, _TRUTH_BGR, 1)
    height = round(image.shape[0] * _SHEET_WIDTH / image.shape[1])
    small = cv2.resize(image, (_SHEET_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
