"""The rotated box that stands for a mask (paper, section 4.3: min-max, MBR, optimised)."""

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

# The search for the best box sees the mask at no more than this many pixels a side.
_SEARCH_SIDE_PX = 96
_SUBPIXEL_BITS = 4
_FIRST_STEP = 0.08
_LAST_STEP = 0.005
_MIN_SIDE_PX = 1.0


def fitted_box(
    strategy: str, mask: RegionMask, outline: NDArray[np.int32], previous_theta: float
) -> RotatedBox:
    """The box of a mask's largest part, its angle continuous from ``previous_theta``.

    ``mbr`` is the authors' minimum-area rectangle, ``min_max`` the axis-aligned box,
    ``optimised`` the rectangle with the best IoU with the whole mask: slower, better.
    """
    if strategy == "min_max":
        return _min_max(outline).continued_from(previous_theta)
    smallest = RotatedBox.around_points(outline, previous_theta)
    if strategy == "mbr":
        return smallest
    return _optimised(mask, smallest).continued_from(previous_theta)


def _min_max(outline: NDArray[np.int32]) -> RotatedBox:
    low, high = outline.min(axis=0), outline.max(axis=0)
    width, height = high - low
    return RotatedBox(
        float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2, float(width), float(height)
    )


def _optimised(mask: RegionMask, start: RotatedBox) -> RotatedBox:
    """Climbs from ``start`` to the rectangle of best IoU, moving one side or turning at a time."""
    scale = min(1.0, _SEARCH_SIDE_PX / max(mask.binary.shape))
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
    """Each side in and out by this share of the box's mean side; both turns, in radians."""
    for amount in (-step, step):
        for side in (-1, 1):
            yield partial(_side_moved, side=side, amount=amount, along_width=True)
            yield partial(_side_moved, side=side, amount=amount, along_width=False)
        yield partial(_turned, radians=amount)


def _side_moved(box: RotatedBox, side: int, amount: float, along_width: bool) -> RotatedBox:
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


def _turned(box: RotatedBox, radians: float) -> RotatedBox:
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
    # The drawn part alone would ignore what lies outside the mask's region.
    area = max(box.width * box.height * scale * scale, float(np.count_nonzero(drawn)))
    return common / (area + np.count_nonzero(mask) - common)
