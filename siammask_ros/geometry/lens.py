"""Where a pixel looks: the direction that a calibrated camera sees at a point of its picture.

The optical frame has x to the right, y down and z forward; pixels are as everywhere here, with the
centre of the first one at (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import CalibrationError

FloatArray = NDArray[np.float64]

# Coefficients that each distortion model may have.
COEFFICIENTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}

# A direction is only believed where the lens maps it back to within this distance of its pixel.
RETURN_TOLERANCE_PX = 0.1
_ENOUGH = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-10)


@dataclass(frozen=True, slots=True)
class Lens:
    """Focal lengths and centre (px), and how far the lens bends what it shows.

    ``width_px`` and ``height_px`` are those of the pictures it is for. ``distortion`` holds the
    coefficients of ``model``, in OpenCV's order; none for a straight lens. Raises CalibrationError
    for numbers that no camera has.
    """

    width_px: int
    height_px: int
    focal_xy_px: tuple[float, float]
    center_in_image: tuple[float, float]
    model: str = ""
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = (*self.focal_xy_px, *self.center_in_image, *self.distortion)
        if not all(math.isfinite(value) for value in numbers):
            raise CalibrationError(f"calibration has a number that is not finite: {numbers}")
        if min(self.width_px, self.height_px) < 1:
            raise CalibrationError(
                f"calibration is for {self.width_px}×{self.height_px} px; expected the size of "
                "the camera's images"
            )
        if min(self.focal_xy_px) <= 0:
            raise CalibrationError(
                f"focal lengths are {self.focal_xy_px} px, so the camera is not calibrated; "
                "expected positive ones"
            )
        if self._is_bent:
            self._check_model()

    def rays(self, points_in_image: Sequence[Any] | NDArray[Any]) -> FloatArray:
        """Unit vectors (n, 3) in the optical frame towards points (n, 2) of the picture.

        NaN where the lens's formula has no inverse: a wide lens's polynomial can turn back.
        """
        points = np.asarray(points_in_image, np.float64).reshape(-1, 2)
        straight = self._unbent(points)
        rays = np.concatenate([straight, np.ones((len(points), 1))], axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)

    @property
    def _is_bent(self) -> bool:
        return any(self.distortion)

    def _check_model(self) -> None:
        expected = COEFFICIENTS.get(self.model)
        if expected is None:
            raise CalibrationError(
                f"distortion model {self.model[:40]!r} is unknown; expected one of: "
                f"{', '.join(COEFFICIENTS)}"
            )
        if len(self.distortion) not in expected:
            counts = " or ".join(str(count) for count in expected)
            raise CalibrationError(
                f"distortion has {len(self.distortion)} coefficients; {self.model} has {counts}"
            )

    def _unbent(self, points: FloatArray) -> FloatArray:
        """The points on the plane one metre ahead, without the lens's distortion; NaN for none."""
        if not self._is_bent or len(points) == 0:
            return (points - self.center_in_image) / self.focal_xy_px
        (fx, fy), (cx, cy) = self.focal_xy_px, self.center_in_image
        matrix = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        bent, coefficients = points[:, None], np.array(self.distortion)
        if self.model == "equidistant":
            straight = cv2.fisheye.undistortPoints(bent, matrix, coefficients, criteria=_ENOUGH)
            back = cv2.fisheye.distortPoints(straight, matrix, coefficients)
        else:
            straight = cv2.undistortPointsIter(
                bent, matrix, coefficients, np.eye(3), np.eye(3), _ENOUGH
            )
            ahead = cv2.convertPointsToHomogeneous(straight)
            back, _ = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), matrix, coefficients)
        found = np.array(straight, np.float64).reshape(-1, 2)
        with np.errstate(invalid="ignore"):
            missed_px = np.linalg.norm(np.asarray(back).reshape(-1, 2) - points, axis=1)
            found[~(missed_px <= RETURN_TOLERANCE_PX)] = np.nan
        return found
