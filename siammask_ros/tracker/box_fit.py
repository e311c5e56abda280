"""Rotated boxes fitted to masks (paper, section 4.3: min-max, MBR, optimised)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.masks import RegionMask

STRATEGIES = ("mbr", "min_max", "optimised")

# The optimisation uses the mask at no more than this many pixels a side.
_OPTIMISE_SIDE_PX = 96
_SUBPIXEL_BITS = 4
_FIRST_STEP = 0.08
_LAST_STEP = 0.005
_MIN_SIDE_PX = 1.0


def fit_box(
    strategy: str, mask: RegionMask, outline: NDArray[np.int32], previous_theta: float
) -> RotatedBox:
    """Fit a rotated box to a mask's largest part, with the angle nearest to ``previous_theta``.

    ``mbr`` is the authors' minimum-area rectangle, ``min_max`` the axis-aligned box,
    ``optimised`` the rectangle with the best IoU with the whole mask: slower, better.
    """
    if strategy == "min_max":
        return _min_max(outline).align_to(previous_theta)
    smallest = RotatedBox.around_points(outline, previous_theta)
    if strategy == "mbr":
        return smallest
    return _optimise(mask, smallest).align_to(previous_theta)


def _min_max(outline: NDArray[np.int32]) -> RotatedBox:
    low, high = outline.min(axis=0), outline.max(axis=0)
    width, height = high - low
    return RotatedBox(
        float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2, float(width), float(height)
    )


def _optimise(mask: RegionMask, start: RotatedBox) -> RotatedBox:
    """Hill climbing from ``start`` to the best IoU; each move shifts one side or rotates."""
    scale = min(1.0, _OPTIMISE_SIDE_PX / max(mask.binary.shape))
    small = cv2.resize(mask.binary * 255, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    seen = (small > 127).astype(np.uint8)
    origin = np.array([mask.left, mask.top], np.float64)
    best, best_overlap = start, _overlap(seen, start, origin, scale)
    step = _FIRST_STEP
    while step >= _LAST_STEP:
        before = best_overlap
        for move in _moves(step):
            tried = move(best)
            overlap = _overlap(seen, tried, origin, scale)
            if overlap > best_overlap:
                best, best_overlap = tried, overlap
        if best_overlap == before:
            step /= 2
    return best


def _moves(step: float) -> Iterator[Callable[[RotatedBox], RotatedBox]]:
    """All moves: each side in and out by ``step`` times the mean side; ±``step`` radians."""
    for amount in (-step, step):
        for side in (-1, 1):
            yield partial(_move_side, side=side, amount=amount, along_width=True)
            yield partial(_move_side, side=side, amount=amount, along_width=False)
        yield partial(_turn, radians=amount)


def _move_side(box: RotatedBox, side: int, amount: float, along_width: bool) -> RotatedBox:
    distance = amount * math.sqrt(box.width * box.height)
    cos, sin = math.cos(box.theta), math.sin(box.theta)
    axis_x, axis_y = (cos, sin) if along_width else (-sin, cos)
    return replace(
        box,
        x=box.x + axis_x * side * distance / 2,
        y=box.y + axis_y * side * distance / 2,
        width=max(box.width + along_width * distance, _MIN_SIDE_PX),
        height=max(box.height + (not along_width) * distance, _MIN_SIDE_PX),
    )


def _turn(box: RotatedBox, radians: float) -> RotatedBox:
    return replace(box, theta=box.theta + radians)


def _overlap(
    mask: NDArray[np.uint8], box: RotatedBox, origin: NDArray[np.float64], scale: float
) -> float:
    """IoU of a rectangle with the mask at this scale."""
    corners = (box.corners_xy - origin + 0.5) * scale - 0.5
    drawn = np.zeros_like(mask)
    fixed_point = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(drawn, fixed_point, (1,), shift=_SUBPIXEL_BITS)
    common = np.count_nonzero(drawn & mask)
    # The box can reach beyond the drawn region, so its area is computed, not counted.
    area = max(box.width * box.height * scale * scale, float(np.count_nonzero(drawn)))
    return common / (area + np.count_nonzero(mask) - common)
