"""Bearings from `camera_info` over real ROS 2: right where it fits the images, else none at all."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import RegionOfInterest
from siammask_ros.msg import Track
from std_msgs.msg import Header
from support.calibrated_camera import CENTER_PX, FOCAL_PX, CameraInfos, camera_info, towards
from support.moving_square import square_center
from support.node_bench import NodeBench, assert_on_square

from siammask_ros.errors import CalibrationError
from siammask_ros.ros.spatial.calibration import read_camera_info

WARN = 1


def bearing_of(track: Track) -> tuple[float, float, float]:
    assert track.has_bearing
    return track.bearing.x, track.bearing.y, track.bearing.z


def test_a_calibrated_camera_gives_the_direction_of_every_target_that_is_seen() -> None:
    with NodeBench() as bench:
        bench.started(0)
        (track,) = bench.assert_tracks(1).tracks
        assert not track.has_bearing
        assert (track.bearing.x, track.bearing.y, track.bearing.z) == (0, 0, 0)
        infos = CameraInfos(bench)
        assert infos.until_told("from") == "from /camera_info"
        track = assert_on_square(bench.assert_tracks(2), 2)
        center = track.box.center.position
        assert bearing_of(track) == pytest.approx(towards(center.x, center.y))
        angle = math.acos(float(np.dot(bearing_of(track), towards(*square_center(2)))))
        assert math.degrees(angle) < 1.6
        # An old box says nothing of where a target is now.
        for index in range(3, 9):
            (track,) = bench.client.answer(index, visible=False).tracks
        assert track.state == track.LOST
        assert not track.has_bearing


def test_the_lens_bends_the_bearing() -> None:
    bent = [-0.4, 0.1, 0.0, 0.0, 0.0]
    with NodeBench() as bench:
        bench.started(0)
        CameraInfos(bench).until_told("from", d=bent)
        track = assert_on_square(bench.assert_tracks(1), 1)
    x, y, z = bearing_of(track)
    matrix = np.array([[FOCAL_PX, 0, CENTER_PX[0]], [0, FOCAL_PX, CENTER_PX[1]], [0, 0, 1.0]])
    point = np.array([[[x / z, y / z, 1.0]]])
    seen, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), matrix, np.array(bent))
    center = track.box.center.position
    assert seen.reshape(2) == pytest.approx((center.x, center.y), abs=0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"k": [0.0] * 9}, "not calibrated", id="uncalibrated"),
        pytest.param(
            {"k": [300.0, 0.0, math.nan, 0.0, 300.0, 120.0, 0.0, 0.0, 1.0]},
            "not finite",
            id="nan",
        ),
        pytest.param({"k": [1.0] * 9}, "expected the form", id="no-camera-matrix"),
        pytest.param({"d": [0.1] * 3}, "plumb_bob has 4 or 5", id="too-few-coefficients"),
        pytest.param({"distortion_model": "mine", "d": [0.1] * 5}, "unknown", id="unknown-model"),
        pytest.param({"width": 640, "height": 480}, "the images have 320×240", id="another-size"),
        pytest.param(
            {"header": Header(frame_id="rear")}, "the images are of 'camera'", id="another-camera"
        ),
    ],
)
def test_a_camera_info_that_cannot_be_right_is_told_and_gives_no_bearing(
    changes: dict[str, Any], words: str
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        infos = CameraInfos(bench)
        infos.until_told("from")
        assert bench.assert_tracks(1).tracks[0].has_bearing
        # One is lost now and then; every image after the bad one has been heard is without.
        for _ in range(20):
            infos.publish(**changes)
            (track,) = bench.assert_tracks(2).tracks
            if not track.has_bearing:
                break
        assert not track.has_bearing
        bench.client.wait_for_status("targets", WARN, words)
        infos.until_told("from")
        bench.assert_tracks(3)
        assert bench.assert_tracks(4).tracks[0].has_bearing
        assert not bench.node._guard.caught


def test_a_binned_cut_out_is_seen_through_the_same_lens() -> None:
    roi = RegionOfInterest(x_offset=40, y_offset=20, width=240, height=200)
    whole = read_camera_info(camera_info(), False)
    cut = read_camera_info(camera_info(roi=roi, binning_x=2, binning_y=4), False)
    assert (cut.width_px, cut.height_px) == (120, 50)
    assert cut.rays([(30, 20)]) == pytest.approx(whole.rays([(30 * 2 + 40, 20 * 4 + 20)]))


def test_rectified_images_are_seen_through_p_and_without_distortion() -> None:
    p = [200.0, 0.0, 150.0, -12.0, 0.0, 200.0, 110.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    message = camera_info(p=p, distortion_model="plumb_bob", d=[-0.3, 0.1, 0.0, 0.0, 0.0])
    camera = read_camera_info(message, rectified=True)
    assert (camera.focal_xy_px, camera.center_in_image) == ((200.0, 200.0), (150.0, 110.0))
    assert camera.rays([(350, 110)]) == pytest.approx(np.array([[0.5**0.5, 0, 0.5**0.5]]))


def test_thousands_of_coefficients_are_refused() -> None:
    with pytest.raises(CalibrationError, match="9999 coefficients"):
        read_camera_info(camera_info(d=[0.0] * 9999), False)
