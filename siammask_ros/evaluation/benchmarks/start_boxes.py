"""The upright box from which a tracker starts, for a true mask or polygon."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.metrics.overlap import Polygon
from siammask_ros.geometry.boxes import MIN_SIDE_PX, RotatedBox, mask_bounding_xywh


def start_box_of_mask(mask: NDArray[np.bool_]) -> RotatedBox:
    """Return the mask's bounding box, enlarged to the minimum side and kept inside the image."""
    box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
    height, width = mask.shape
    x, box_width = _widen(box.x, box.width, width)
    y, box_height = _widen(box.y, box.height, height)
    return RotatedBox(x, y, box_width, box_height)


def _widen(middle: float, side: float, limit: int) -> tuple[float, float]:
    """Return centre and length of a side of at least MIN_SIDE_PX, moved inside the image."""
    side = max(side, MIN_SIDE_PX)
    return min(max(middle, side / 2), limit - side / 2), side


def start_box_of_polygon(polygon: Polygon, is_upright: bool = False) -> RotatedBox:
    """The upright box that a tracker starts from, as SiamMask's authors take it from a polygon.

    Around the mean of the corners, as large as the polygon by its first two sides; an upright
    truth is taken as it is. No side is shorter than a tracker can start from.
    """
    (left, top), (right, bottom) = polygon.min(axis=0), polygon.max(axis=0)
    width, height = float(right - left), float(bottom - top)
    x, y = (float(value) for value in polygon.mean(axis=0))
    if not is_upright and width * height > 0:
        first, second = (math.dist(polygon[i], polygon[i + 1]) for i in (0, 1))
        scale = math.sqrt(first * second / (width * height))
        width, height = scale * width + 1, scale * height + 1
    return RotatedBox(x, y, max(width, MIN_SIDE_PX), max(height, MIN_SIDE_PX))
