"""The log of a training: a CSV line for each step and each validation, and their curves."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media.plots import plot_training

STEPS = "log.csv"
VALIDATIONS = "validation.csv"


class TrainingLog:
    """Append to the files in ``out``; the first line of each names the columns."""

    def __init__(self, out: Path, tensorboard: bool = False) -> None:
        self._out = out
        self._events: Any = _writer(out / "tensorboard") if tensorboard else None

    def add(self, name: str, values: Mapping[str, float]) -> None:
        """Append a line to the file ``name``, in the order of the columns that it has.

        Raises DataError where the file was begun with other columns.
        """
        path = self._out / name
        columns = self._header(path) or list(values)
        if set(columns) != set(values):
            raise DataError(
                f"{path} has the columns {', '.join(columns)}; expected {', '.join(values)}. "
                "Move it away, or name another 'out' folder"
            )
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, columns)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow({column: f"{value:.6g}" for column, value in values.items()})
        if self._events is not None:
            group = name.removesuffix(".csv")
            for column, value in values.items():
                self._events.add_scalar(f"{group}/{column}", value, int(values["step"]))

    def close(self) -> None:
        """Flush and close the TensorBoard log."""
        if self._events is not None:
            self._events.close()

    def remove_after(self, step: int) -> None:
        """Remove the lines of later steps; a resumed training writes them again."""
        for name in (STEPS, VALIDATIONS):
            path = self._out / name
            if path.exists():
                header, *lines = path.read_text().splitlines(keepends=True)
                kept = [line for line in lines if float(line.partition(",")[0]) <= step]
                path.write_text("".join([header, *kept]))

    def draw(self) -> None:
        """Draws ``curve.png`` (every step's losses) and ``validation.png``, where there are any."""
        for name, image, smooth_over in (
            (STEPS, "curve.png", 25),
            (VALIDATIONS, "validation.png", 1),
        ):
            columns = self._columns(name)
            steps = columns.pop("step", [])
            if steps:
                plot_training(self._out / image, steps, columns, smooth_over=smooth_over)

    @staticmethod
    def _header(path: Path) -> list[str]:
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return next(csv.reader(file), [])

    def _columns(self, name: str) -> dict[str, list[float]]:
        path = self._out / name
        if not path.exists():
            return {}
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {column: [float(row[column]) for row in rows] for column in rows[0]} if rows else {}


def _writer(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError("tensorboard is true, but not installed; run: pip install tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
