"""The overlap of boxes, polygons and masks, and the distance of boxes' centres."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BoxXywh = tuple[float, float, float, float]
Polygon = NDArray[np.float64]


def box_overlap(box_xywh: BoxXywh, other_xywh: BoxXywh) -> float:
    """Intersection over union of two upright boxes; 0 where both are empty."""
    left, top, width, height = box_xywh
    other_left, other_top, other_width, other_height = other_xywh
    common_width = min(left + width, other_left + other_width) - max(left, other_left)
    common_height = min(top + height, other_top + other_height) - max(top, other_top)
    common = max(common_width, 0.0) * max(common_height, 0.0)
    union = width * height + other_width * other_height - common
    return common / union if union > 0 else 0.0


def center_distance_px(box_xywh: BoxXywh, other_xywh: BoxXywh) -> float:
    """How far the centres of two upright boxes are apart."""
    (x, y, width, height), (other_x, other_y, other_width, other_height) = box_xywh, other_xywh
    return math.hypot(
        x + width / 2 - other_x - other_width / 2, y + height / 2 - other_y - other_height / 2
    )


def polygon_overlap(
    polygon: Polygon, truth: Polygon, image_size: tuple[int, int] | None = None
) -> float:
    """Intersection over union of two polygons (n, 2), clipped to an image (height, width) first.

    Exact, not counted in pixels. Both have to be convex, as rectangles and any clipped ones are;
    their corners may run either way round. 0 where both are empty.
    """
    if image_size is not None:
        height, width = image_size
        image = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        polygon, truth = _clip_polygon(polygon, image), _clip_polygon(truth, image)
    common = polygon_area(_clip_polygon(polygon, truth)) if len(truth) > 2 else 0.0
    union = polygon_area(polygon) + polygon_area(truth) - common
    return common / union if union > 0 else 0.0


def polygon_area(polygon: Polygon) -> float:
    """The area of a polygon (n, 2) without crossing sides, either way round."""
    return abs(_compute_signed_area(polygon))


def _compute_signed_area(polygon: Polygon) -> float:
    if len(polygon) < 3:
        return 0.0
    # From a corner of its own, so that far away from the origin no digits are lost.
    corners = polygon - polygon[0]
    following = np.roll(corners, -1, axis=0)
    crosses = corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]
    return float(crosses.sum()) / 2


def _clip_polygon(polygon: Polygon, window: Polygon) -> Polygon:
    """Clip ``polygon`` to the convex ``window``, one side after the other (Sutherland, Hodgman)."""
    if _compute_signed_area(window) < 0:
        window = window[::-1]
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        along = end - start
        offsets = polygon - start
        depths = along[0] * offsets[:, 1] - along[1] * offsets[:, 0]
        polygon = _clip_by_line(polygon, depths)
        if not len(polygon):
            break
    return polygon


def _clip_by_line(polygon: Polygon, depths: NDArray[np.float64]) -> Polygon:
    """Clip a polygon to where a linear depth, given at its corners, is not negative."""
    kept: list[NDArray[np.float64]] = []
    for number in range(len(polygon)):
        corner, following = polygon[number], polygon[(number + 1) % len(polygon)]
        depth, next_depth = depths[number], depths[(number + 1) % len(polygon)]
        if depth >= 0:
            kept.append(corner)
        if (depth >= 0) != (next_depth >= 0):
            kept.append(corner + (following - corner) * (depth / (depth - next_depth)))
    return np.array(kept, np.float64).reshape(-1, 2)


def region_similarity(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """J, the overlap of two masks (H, W): intersection over union; 1 where both are empty."""
    predicted, truth = predicted.astype(bool), truth.astype(bool)
    union = int(np.count_nonzero(predicted | truth))
    return int(np.count_nonzero(predicted & truth)) / union if union else 1.0
