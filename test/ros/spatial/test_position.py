"""Positions from a depth image over real ROS 2: of the right moment and camera, or none at all."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from rclpy.duration import Duration
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.calibrated_camera import said_of
from support.depth_bench import TARGET_M, DepthBench, depth_message, depths_m
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until
from visualization_msgs.msg import MarkerArray

from siammask_ros.media.image_messages import RefusedImage
from siammask_ros.ros.spatial.depth import read_depth_image

WARN = 1


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_a_target_has_the_position_of_its_surface(encoding: str) -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        assert said_of(bench, "position").startswith("none: no depth image on /depth")
        track = depths.track(1, depth_message(depths.header(), depths_m(1), encoding))
    assert track.has_position
    assert track.position.z == pytest.approx(TARGET_M, abs=0.001)
    at = np.array([track.position.x, track.position.y, track.position.z])
    bearing = np.array([track.bearing.x, track.bearing.y, track.bearing.z])
    assert at / np.linalg.norm(at) == pytest.approx(bearing)
    covariance = np.array(track.position_covariance).reshape(3, 3)
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert covariance[2, 2] ** 0.5 < 0.01


def test_holes_and_spots_are_passed_over_and_no_depth_at_all_is_no_position() -> None:
    rng = np.random.default_rng(3)
    with NodeBench() as bench:
        depths = DepthBench(bench)
        scene = depths_m(1)
        scene[rng.random(scene.shape) < 0.5] = np.nan
        scene[rng.random(scene.shape) < 0.1] = 0.3
        track = depths.track(1, depth_message(depths.header(), scene, "32FC1"))
        assert track.position.z == pytest.approx(TARGET_M, abs=0.001)
        track = depths.track(2, depth_message(depths.header(), np.zeros((240, 320))))
        assert track.has_bearing
        assert not track.has_position
        assert not any(track.position_covariance)
        assert depths.track(3, depth_message(depths.header(), depths_m(3))).has_position


def test_a_target_with_a_position_is_drawn_there() -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        bench.client.listen(MarkerArray, f"{NODE}/markers")
        publisher = bench.node._topics._markers
        wait_until(lambda: publisher.get_subscription_count() > 0, "a reader of the markers")
        track = depths.track(1, depth_message(depths.header(), depths_m(1)))
        arrays = bench.client.heard[f"{NODE}/markers"]
        markers = {m.ns: m for m in wait_until(lambda: arrays, "markers")[-1].markers}
    assert markers["position"].pose.position == track.position
    assert markers["ray"].points[1] == track.position
    for point in markers["outline"].points:
        assert point.z == pytest.approx(track.position.z)
    assert markers["label"].text.endswith(" m")
    sigma_m = np.sqrt(np.diag(np.array(track.position_covariance).reshape(3, 3)))
    scale = markers["position"].scale
    assert (scale.x, scale.y, scale.z) == pytest.approx(tuple(2 * sigma_m))


def test_a_lost_target_has_no_position() -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        assert depths.track(1, depth_message(depths.header(), depths_m(1))).has_position
        for index in range(2, 8):
            (track,) = bench.client.answer(index, visible=False).tracks
        assert track.state == track.LOST
        assert not track.has_position


def other_size(header: Header) -> Image:
    return depth_message(header, np.ones((120, 160)))


def other_camera(header: Header) -> Image:
    return depth_message(Header(stamp=header.stamp, frame_id="depth_camera"), depths_m(1))


def of_colours(header: Header) -> Image:
    message = depth_message(header, depths_m(1))
    message.encoding = "bgr8"
    return message


def cut_short(header: Header) -> Image:
    message = depth_message(header, depths_m(1))
    message.data = message.data[:-1]
    return message


@pytest.mark.parametrize(
    ("made", "words"),
    [
        pytest.param(other_size, "depth image is 160×120 px", id="another-size"),
        pytest.param(other_camera, "depth image is of frame 'depth_camera'", id="another-camera"),
        pytest.param(of_colours, "'bgr8' is no depth", id="no-depth"),
        pytest.param(cut_short, "data has 153599 bytes", id="cut-short"),
    ],
)
def test_a_depth_image_that_cannot_be_right_is_told_and_gives_no_position(
    made: Any, words: str
) -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        track = depths.track(1, made(depths.header()))
        assert track.has_bearing
        assert not track.has_position
        bench.client.wait_for_status("targets", WARN, words)
        track = depths.track(2, depth_message(depths.header(), depths_m(2)))
        assert track.has_position
        wait_until(lambda: said_of(bench, "position") == "from /depth", "depths to be fine again")
        assert not bench.node._guard.caught


def test_a_depth_image_of_another_moment_gives_no_position() -> None:
    with NodeBench(depth_max_offset_s=0.05) as bench:
        depths = DepthBench(bench)
        assert depths.track(1, depth_message(depths.header(), depths_m(1))).has_position
        half_a_second_later = bench.node.get_clock().now() + Duration(seconds=0.5)
        header = Header(stamp=half_a_second_later.to_msg(), frame_id="camera")
        bench.client.send(2, header)
        track = assert_on_square(bench.client.of_stamp(f"{NODE}/tracks", header), 2)
        assert not track.has_position
        bench.client.wait_for_status("targets", WARN, "expected at most 0.05 s")


def test_a_padded_big_endian_depth_is_read_pixel_by_pixel() -> None:
    depths = np.arange(12, dtype=np.float64).reshape(3, 4) + 0.5
    rows = np.pad((depths * 1000).astype(">u2").view(np.uint8), ((0, 0), (0, 3)))
    message = Image(height=3, width=4, encoding="16UC1", is_bigendian=1, step=11)
    message.data = array("B", rows.tobytes())
    image = read_depth_image(message, 100)
    assert image.metres((slice(1, 3), slice(0, 2))) == pytest.approx(depths[1:3, 0:2])


def test_a_giant_is_refused_before_it_is_read() -> None:
    with pytest.raises(RefusedImage, match="expected sides from 1 to 100"):
        read_depth_image(Image(height=3, width=2**32 - 1, encoding="16UC1"), 100)
