"""Boxes: validation, overlap, and the rotated box with a continuous angle.

Pixels, x right, y down, 0-based; a centre may be fractional. Angles are radians from the image's
+x axis towards +y, so clockwise on the screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import BoxError

MIN_SIDE_PX = 8.0
MAX_COORDINATE_PX = 1e6
MAX_ASPECT = 100.0


@dataclass(frozen=True, slots=True)
class RotatedBox:
    """A rectangle by centre, size and angle; ``width`` runs along ``theta`` (radians)."""

    x: float
    y: float
    width: float
    height: float
    theta: float = 0.0

    @property
    def corners_xy(self) -> NDArray[np.float64]:
        """The four corners (4, 2): from the start of the width axis, clockwise on the screen."""
        along = np.array([math.cos(self.theta), math.sin(self.theta)]) * (self.width / 2)
        across = np.array([-math.sin(self.theta), math.cos(self.theta)]) * (self.height / 2)
        center = np.array([self.x, self.y])
        return np.stack(
            [
                center - along - across,
                center + along - across,
                center + along + across,
                center - along + across,
            ]
        )

    @property
    def bounding_xywh(self) -> tuple[float, float, float, float]:
        """The smallest axis-aligned box around it, as left, top, width, height."""
        low = self.corners_xy.min(axis=0)
        high = self.corners_xy.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])

    @classmethod
    def from_xywh(cls, box_xywh: tuple[float, float, float, float]) -> RotatedBox:
        """The unrotated box with this left, top, width and height."""
        left, top, width, height = (float(value) for value in box_xywh)
        return cls(left + width / 2, top + height / 2, width, height)

    @classmethod
    def around_points(cls, points: NDArray[Any], previous_theta: float = 0.0) -> RotatedBox:
        """The smallest rotated rectangle around ``points`` (n, 2), its angle continuous.

        Raises BoxError for no points.
        """
        if len(points) == 0:
            raise BoxError("a rotated box needs at least one point, got none")
        (x, y), (width, height), degrees = cv2.minAreaRect(points)
        box = cls(float(x), float(y), float(width), float(height), math.radians(degrees))
        return box.align_to(previous_theta)

    def align_to(self, previous_theta: float) -> RotatedBox:
        """The same rectangle, with the angle nearest to ``previous_theta``.

        Four angles, a quarter turn apart, describe the same rectangle; at every second one width
        and height are exchanged. The nearest one keeps angle and sides continuous from frame to
        frame. The result's angle lies in (−π, π].
        """
        quarters = round((previous_theta - self.theta) / (math.pi / 2))
        theta = _wrap_angle(self.theta + quarters * math.pi / 2)
        width, height = self.width, self.height
        if quarters % 2:
            width, height = height, width
        return RotatedBox(self.x, self.y, width, height, theta)


def _wrap_angle(theta: float) -> float:
    """The same angle in (−π, π]."""
    wrapped = math.remainder(theta, 2 * math.pi)
    return math.pi if wrapped == -math.pi else wrapped


def validate_init_box(box: RotatedBox, width_px: int, height_px: int) -> RotatedBox:
    """A valid box to start a target from: finite, with a positive size, clipped to the image.

    A negative size (dragged right to left or bottom up) becomes positive. A box that crosses the
    image border is replaced by the clipped bounding rectangle, without rotation. Raises BoxError
    for numbers that are not finite or beyond ±1e6, a box outside the image, a side under 8 px
    after clipping, or an aspect ratio over 100:1.
    """
    values = (box.x, box.y, box.width, box.height, box.theta)
    if not all(math.isfinite(value) for value in values):
        raise BoxError(f"box has a number that is not finite: {values}; expected finite pixels")
    if max(abs(value) for value in values) > MAX_COORDINATE_PX:
        raise BoxError(f"box {values} is beyond ±{MAX_COORDINATE_PX:.0f}; expected pixels")
    box = RotatedBox(box.x, box.y, abs(box.width), abs(box.height), _wrap_angle(box.theta))
    box = _clip(box, width_px, height_px)
    _check_sides(box)
    return box


def _clip(box: RotatedBox, width_px: int, height_px: int) -> RotatedBox:
    left, top, width, height = box.bounding_xywh
    x0, y0 = max(left, 0.0), max(top, 0.0)
    x1, y1 = min(left + width, float(width_px)), min(top + height, float(height_px))
    if x1 < x0 or y1 < y0:
        raise BoxError(
            f"box at ({left:.1f}, {top:.1f}) of {width:.1f}×{height:.1f} px lies outside the "
            f"{width_px}×{height_px} image; expected one that overlaps it"
        )
    inside = x0 == left and y0 == top and x1 == left + width and y1 == top + height
    return box if inside else RotatedBox.from_xywh((x0, y0, x1 - x0, y1 - y0))


def _check_sides(box: RotatedBox) -> None:
    short, long = sorted((box.width, box.height))
    if short < MIN_SIDE_PX:
        raise BoxError(
            f"box is {box.width:.1f}×{box.height:.1f} px; expected at least "
            f"{MIN_SIDE_PX:.0f}×{MIN_SIDE_PX:.0f} px after clipping"
        )
    if long / short > MAX_ASPECT:
        raise BoxError(
            f"box is {box.width:.1f}×{box.height:.1f} px; expected sides of at most "
            f"{MAX_ASPECT:.0f}:1"
        )


def mask_bounding_xywh(mask: NDArray[Any]) -> tuple[float, float, float, float]:
    """The bounding box of the non-zero pixels of ``mask`` (height, width).

    Raises BoxError where there are none.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        raise BoxError("mask is empty; expected at least one non-zero pixel to start from")
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def overlaps_xywh(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (n, m) of axis-aligned boxes (n, 4) with others (m, 4).

    Boxes are left, top, width, height, of positive size.
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    common = np.prod(np.maximum(high - low, 0.0), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    return np.asarray(common / (areas - common))
