"""The viewing direction of a pixel of a calibrated camera.

The optical frame has x to the right, y down and z forward. The centre of the first pixel is (0, 0).
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

# An undistorted point is accepted if distorting it again ends within this distance of the pixel.
MAX_RETURN_ERROR_PX = 0.1
_CRITERIA = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-10)


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A camera's intrinsics: image size, focal lengths, principal point and distortion.

    ``distortion`` holds the coefficients of ``distortion_model`` in OpenCV's order; empty or all
    zero for rectified images. Raises CalibrationError for values that no camera has.
    """

    width_px: int
    height_px: int
    focal_xy_px: tuple[float, float]
    center_in_image: tuple[float, float]
    distortion_model: str = ""
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
        if self._is_distorted:
            self._check_model()

    def rays(self, points_in_image: Sequence[Any] | NDArray[Any]) -> FloatArray:
        """Unit vectors (n, 3) in the optical frame towards points (n, 2) of the image.

        NaN where the distortion has no inverse: far outside, its polynomial is not monotonic.
        """
        points = np.asarray(points_in_image, np.float64).reshape(-1, 2)
        undistorted = self._undistort(points)
        rays = np.concatenate([undistorted, np.ones((len(points), 1))], axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)

    @property
    def _is_distorted(self) -> bool:
        return any(self.distortion)

    def _check_model(self) -> None:
        expected = COEFFICIENTS.get(self.distortion_model)
        if expected is None:
            raise CalibrationError(
                f"distortion model {self.distortion_model[:40]!r} is unknown; expected one of: "
                f"{', '.join(COEFFICIENTS)}"
            )
        if len(self.distortion) not in expected:
            counts = " or ".join(str(count) for count in expected)
            raise CalibrationError(
                f"distortion has {len(self.distortion)} coefficients; "
                f"{self.distortion_model} has {counts}"
            )

    def _undistort(self, points: FloatArray) -> FloatArray:
        """Normalised coordinates (n, 2) of the points, without distortion; NaN for none."""
        if not self._is_distorted or len(points) == 0:
            return (points - self.center_in_image) / self.focal_xy_px
        (fx, fy), (cx, cy) = self.focal_xy_px, self.center_in_image
        matrix = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        distorted, coefficients = points[:, None], np.array(self.distortion)
        if self.distortion_model == "equidistant":
            undistorted = cv2.fisheye.undistortPoints(
                distorted, matrix, coefficients, criteria=_CRITERIA
            )
            back = cv2.fisheye.distortPoints(undistorted, matrix, coefficients)
        else:
            undistorted = cv2.undistortPointsIter(
                distorted, matrix, coefficients, np.eye(3), np.eye(3), _CRITERIA
            )
            ahead = cv2.convertPointsToHomogeneous(undistorted)
            back, _ = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), matrix, coefficients)
        found = np.array(undistorted, np.float64).reshape(-1, 2)
        with np.errstate(invalid="ignore"):
            error_px = np.linalg.norm(np.asarray(back).reshape(-1, 2) - points, axis=1)
            found[~(error_px <= MAX_RETURN_ERROR_PX)] = np.nan
        return found
