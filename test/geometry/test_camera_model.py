"""Viewing directions: known ones, a round trip for each distortion model, and refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.errors import CalibrationError
from siammask_ros.geometry.camera_model import CameraModel

UNDISTORTED = CameraModel(640, 480, (500.0, 400.0), (320.0, 240.0))
WEBCAM = replace(
    UNDISTORTED, distortion_model="plumb_bob", distortion=(-0.3, 0.12, 0.001, -0.002, -0.02)
)
RATIONAL = replace(
    UNDISTORTED,
    distortion_model="rational_polynomial",
    distortion=(0.4, -0.1, 0.001, -0.001, 0.01, 0.7, -0.05, 0.01),
)
FISHEYE = replace(
    UNDISTORTED, distortion_model="equidistant", distortion=(0.05, -0.01, 0.003, -0.001)
)


def project(camera: CameraModel, ray: np.ndarray) -> np.ndarray:
    """The pixel at which OpenCV's forward formula shows this direction."""
    (fx, fy), (cx, cy) = camera.focal_xy_px, camera.center_in_image
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    project = (
        cv2.fisheye.projectPoints if camera.distortion_model == "equidistant" else cv2.projectPoints
    )
    distortion = np.array(camera.distortion or (0.0,) * 4)
    points, _ = project(ray.reshape(1, 1, 3), np.zeros(3), np.zeros(3), matrix, distortion)
    return np.asarray(points).reshape(2)


def test_no_point_has_no_direction() -> None:
    for camera in (UNDISTORTED, WEBCAM, FISHEYE):
        assert camera.rays([]).shape == (0, 3)


def test_the_centre_looks_straight_ahead_and_one_focal_length_beside_it_at_45_degrees() -> None:
    ahead, right, down = UNDISTORTED.rays([(320, 240), (820, 240), (320, 640)])
    half = math.sqrt(0.5)
    assert ahead == pytest.approx((0, 0, 1))
    assert right == pytest.approx((half, 0, half))
    assert down == pytest.approx((0, half, half))


@pytest.mark.parametrize(
    "camera",
    [
        pytest.param(UNDISTORTED, id="undistorted"),
        pytest.param(WEBCAM, id="plumb_bob"),
        pytest.param(RATIONAL, id="rational_polynomial"),
        pytest.param(FISHEYE, id="equidistant"),
    ],
)
@given(x=st.floats(-0.55, 0.55), y=st.floats(-0.5, 0.5))
def test_a_direction_is_found_again_from_the_pixel_that_shows_it(
    camera: CameraModel, x: float, y: float
) -> None:
    direction = np.array([x, y, 1.0]) / math.sqrt(x * x + y * y + 1)
    (ray,) = camera.rays([project(camera, direction)])
    assert np.linalg.norm(ray) == pytest.approx(1)
    assert ray == pytest.approx(direction, abs=1e-3)


def test_distortion_of_zeros_is_a_straight_lens_whatever_its_model() -> None:
    camera = replace(UNDISTORTED, distortion_model="of the maker's own", distortion=(0.0,) * 5)
    assert np.array_equal(camera.rays([(7, 9)]), UNDISTORTED.rays([(7, 9)]))


def test_a_pixel_that_the_formula_cannot_reach_has_no_direction() -> None:
    # Barrel distortion of this strength shows nothing beyond 0.96 focal lengths from the centre.
    camera = replace(UNDISTORTED, distortion_model="plumb_bob", distortion=(-0.16, 0.0, 0.0, 0.0))
    near, far = camera.rays([(400, 240), (1400, 240)])
    assert np.isfinite(near).all()
    assert np.isnan(far).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"focal_xy_px": (0.0, 0.0)}, "not calibrated", id="zero-focal-length"),
        pytest.param({"focal_xy_px": (500.0, -1.0)}, "not calibrated", id="negative"),
        pytest.param({"focal_xy_px": (math.nan, 500.0)}, "not finite", id="nan"),
        pytest.param({"center_in_image": (320.0, math.inf)}, "not finite", id="inf"),
        pytest.param({"width_px": 0}, "0×480", id="no-width"),
        pytest.param(
            {"distortion_model": "mine", "distortion": (0.1,) * 5},
            "expected one of: plumb_bob",
            id="unknown",
        ),
        pytest.param(
            {"distortion_model": "plumb_bob", "distortion": (0.1,) * 3},
            "plumb_bob has 4 or 5",
            id="too-few",
        ),
        pytest.param(
            {"distortion_model": "plumb_bob", "distortion": (math.nan,) * 5},
            "not finite",
            id="nan-distortion",
        ),
    ],
)
def test_numbers_that_no_camera_has_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        replace(UNDISTORTED, **changes)  # type: ignore[arg-type]
