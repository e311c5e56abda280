"""Regions as lines of text: an upright box or a polygon, as VOT and OTB write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from siammask_ros.errors import DataError
from siammask_ros.evaluation.metrics.overlap import Polygon


def parse_region(line: str, where: str) -> list[float]:
    """The numbers of a region's line; commas, tabs and blanks may part them.

    Four are left, top, width and height; six or more are a polygon's corners. Raises DataError
    for anything else, beginning with ``where``.
    """
    try:
        row = [float(part) for part in re.split(r"[,\s]+", line.strip())]
    except ValueError:
        row = []
    if len(row) != 4 and (len(row) < 6 or len(row) % 2):
        raise DataError(
            f"{where} cannot be read: {line.strip()[:60]!r}; expected x,y,w,h or a polygon's "
            "x1,y1,x2,y2,…"
        )
    return row


def polygon_from_region(row: Sequence[float]) -> Polygon | None:
    """The corners (n, 2) of a region; None for what benchmarks write where there is none."""
    if not np.isfinite(row).all():
        return None
    if len(row) > 4:
        return np.array(row, np.float64).reshape(-1, 2)
    left, top, width, height = row
    if width <= 0 or height <= 0:
        return None
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def format_region(polygon: Polygon) -> str:
    """The polygon's corners (n, 2) as a line of numbers, x before y."""
    return ",".join(f"{value:.4f}" for value in polygon.ravel())
