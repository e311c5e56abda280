"""Where a target is in space: the depths under its mask, along the direction of its middle.

The optical frame has x to the right, y down and z forward; depth is z, in metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.lens import Lens

# How much of the mask counts as its edge, where depth cameras mix the target with what is behind:
# this part of its half width, but at least so many pixels.
EDGE_PART = 0.25
MIN_EDGE_PX = 2.0

# More pixels than about these are thinned out: they tell nothing more, and tracks wait for them.
MOST_PX = 20_000

# Fewer measured pixels than this, or a smaller part of those asked, are no measurement.
MIN_MEASURED_PX = 20
MIN_MEASURED_PART = 0.1

# The median deviation of a normal distribution times this is its standard deviation.
DEVIATION_TO_SIGMA = 1.4826

# Depth in millimetres is not finer; a flat target seen without noise is still not known better.
MIN_SIGMA_M = 0.001

# The middle of a box is taken to be known to this part of the box's sides, but to a pixel at best.
CENTER_SIGMA_PART = 0.05
MIN_CENTER_SIGMA_PX = 1.0


@dataclass(frozen=True, slots=True)
class Depth:
    """A target's depth (m): the median under its mask, and how far the pixels lie around it."""

    median_m: float
    sigma_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """A point (3,) in metres in the optical frame, and its covariance (3, 3) in m²."""

    xyz_m: NDArray[np.float64]
    covariance_m2: NDArray[np.float64]


def depth_under(mask: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> Depth | None:
    """The depth of what a mask (h, w), non-zero on the target, covers; None where too few tell.

    ``depth_m`` (h, w) is the same part of the picture; zero, negative and non-finite pixels are
    holes. The mask's edge is left out. Median and median deviation: less than half of the pixels,
    on whatever is before or behind the target, cannot move them far.
    """
    if mask.size == 0 or not mask.any():
        return None
    step = max(math.isqrt(mask.size // MOST_PX), 1)
    mask, depth_m = mask[::step, ::step], depth_m[::step, ::step]
    from_edge_px = step * cv2.distanceTransform((mask != 0).astype(np.uint8), cv2.DIST_L2, 3)
    inner = from_edge_px > max(MIN_EDGE_PX, EDGE_PART * float(from_edge_px.max()))
    asked = depth_m[inner]
    measured = asked[np.isfinite(asked) & (asked > 0)].astype(np.float64)
    if len(measured) < max(MIN_MEASURED_PX, MIN_MEASURED_PART * len(asked)):
        return None
    median_m = float(np.median(measured))
    deviation_m = float(np.median(np.abs(measured - median_m)))
    return Depth(median_m, max(DEVIATION_TO_SIGMA * deviation_m, MIN_SIGMA_M))


def position_at(
    bearing: NDArray[np.float64], depth: Depth, size_px: float, lens: Lens
) -> Position | None:
    """The point at this depth along a unit vector (3,); None where that does not look ahead.

    ``size_px`` is the target's size in the picture. Along the bearing the covariance is that of
    the depth; across it, that of the middle of the box.
    """
    if not bearing[2] > 0:
        return None
    ahead = bearing / bearing[2]
    center_sigma_px = max(CENTER_SIGMA_PART * size_px, MIN_CENTER_SIGMA_PX)
    across_m = depth.median_m * center_sigma_px / np.array(lens.focal_xy_px)
    covariance = depth.sigma_m**2 * np.outer(ahead, ahead)
    covariance += np.diag([*across_m**2, 0.0])
    return Position(ahead * depth.median_m, covariance)
