"""Results in the files of the VOT toolkit: NAME/baseline/SEQUENCE/SEQUENCE_001.txt.

A line a frame: 1 at a start, 2 at a failure, 0 where skipped, else the region.
"""

from __future__ import annotations

from pathlib import Path

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.regions import (
    format_region,
    parse_region,
    polygon_from_region,
)
from siammask_ros.evaluation.benchmarks.vot.measuring import FAILURE, SKIPPED, START, Trajectory
from siammask_ros.evaluation.metrics.overlap import Polygon

_MARKS = {str(mark): mark for mark in (SKIPPED, START, FAILURE)}


def result_path(folder: Path, sequence: str) -> Path:
    """The file of a sequence in a tracker's folder of results."""
    return folder / "baseline" / sequence / f"{sequence}_001.txt"


def write_trajectory(path: Path, trajectory: Trajectory) -> None:
    """Write a result file, its folder made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [str(e) if isinstance(e, int) else format_region(e) for e in trajectory]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_trajectory(path: Path) -> list[Polygon | int]:
    """The trajectory of a result file; raises DataError where it is missing or damaged."""
    if not path.is_file():
        raise DataError(f"{path} is missing; expected a result file of VOT's baseline experiment")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [_entry(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line]


def _entry(line: str, where: str) -> Polygon | int:
    # Some trackers write their marks as 1.0000.
    mark = _MARKS.get(line.removesuffix(".0000"))
    if mark is not None:
        return mark
    polygon = polygon_from_region(parse_region(line, where))
    if polygon is None:
        raise DataError(f"{where} cannot be read: {line[:60]!r}; expected finite numbers")
    return polygon
