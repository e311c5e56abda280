"""The position of a target in space: the depth under its mask, along the bearing of its box.

The optical frame has x to the right, y down and z forward; depth is z, in metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.camera_model import CameraModel

# The mask's edge is not used: depth cameras mix target and background there. Its width is this
# part of the mask's half width, at least MIN_EDGE_PX.
EDGE_PART = 0.25
MIN_EDGE_PX = 2.0

# Larger masks are subsampled to about this number of pixels, to save time.
MAX_PIXELS = 20_000

# With fewer valid depth pixels, or a smaller part of the inner mask, there is no measurement.
MIN_MEASURED_PX = 20
MIN_MEASURED_PART = 0.1

# Standard deviation of a normal distribution divided by its median absolute deviation.
DEVIATION_TO_SIGMA = 1.4826

# The resolution of depth images in millimetres.
MIN_SIGMA_M = 0.001

# Assumed standard deviation of a box's centre: this part of the box's size, at least one pixel.
CENTER_SIGMA_PART = 0.05
MIN_CENTER_SIGMA_PX = 1.0


@dataclass(frozen=True, slots=True)
class Depth:
    """A target's depth (m): the median under its mask and the standard deviation of the pixels."""

    median_m: float
    sigma_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """A point (3,) in metres in the optical frame, and its covariance (3, 3) in m²."""

    xyz_m: NDArray[np.float64]
    covariance_m2: NDArray[np.float64]


def measure_depth(mask: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> Depth | None:
    """The depth of the pixels under a mask (h, w), non-zero on the target.

    ``depth_m`` (h, w) is the same part of the image; zero, negative and non-finite pixels are
    holes. None with too few valid pixels. The mask's edge is not used. Median and median absolute
    deviation ignore outliers, such as background, up to half of the pixels.
    """
    if mask.size == 0 or not mask.any():
        return None
    step = max(math.isqrt(mask.size // MAX_PIXELS), 1)
    mask, depth_m = mask[::step, ::step], depth_m[::step, ::step]
    from_edge_px = step * cv2.distanceTransform((mask != 0).astype(np.uint8), cv2.DIST_L2, 3)
    inner = from_edge_px > max(MIN_EDGE_PX, EDGE_PART * float(from_edge_px.max()))
    depths_m = depth_m[inner]
    valid_m = depths_m[np.isfinite(depths_m) & (depths_m > 0)].astype(np.float64)
    if len(valid_m) < max(MIN_MEASURED_PX, MIN_MEASURED_PART * len(depths_m)):
        return None
    median_m = float(np.median(valid_m))
    deviation_m = float(np.median(np.abs(valid_m - median_m)))
    return Depth(median_m, max(DEVIATION_TO_SIGMA * deviation_m, MIN_SIGMA_M))


def estimate_position(
    bearing: NDArray[np.float64], depth: Depth, size_px: float, camera: CameraModel
) -> Position | None:
    """The point at this depth along a unit vector (3,); None where it does not point forward.

    ``size_px`` is the target's size in the image. The covariance is that of the depth along the
    bearing, and that of the box's centre across it.
    """
    if not bearing[2] > 0:
        return None
    ahead = bearing / bearing[2]
    center_sigma_px = max(CENTER_SIGMA_PART * size_px, MIN_CENTER_SIGMA_PX)
    across_m = depth.median_m * center_sigma_px / np.array(camera.focal_xy_px)
    covariance = depth.sigma_m**2 * np.outer(ahead, ahead)
    covariance += np.diag([*across_m**2, 0.0])
    return Position(ahead * depth.median_m, covariance)
