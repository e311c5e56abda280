"""~/target_pose and ~/points: right values, the right target, and nothing without a position."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import (
    PoseStamped,
    PoseWithCovarianceStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Vector3,
)
from sensor_msgs.msg import PointCloud2
from support.calibrated_camera import CENTER_PX, FOCAL_PX
from support.depth_bench import TARGET_M, DepthBench, depth_message, depths_m
from support.moving_square import SIDE_PX, square_center
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.geometry.position import Position
from siammask_ros.ros.spatial.depth import DepthImage
from siammask_ros.ros.spatial.frame_transformer import apply_transform
from siammask_ros.ros.spatial.point_cloud import target_points
from siammask_ros.ros.spatial.pose_publisher import choose_position
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.session import TrackedTarget
from siammask_ros.tracker.masks import RegionMask

POSE, WITH_COVARIANCE = f"{NODE}/target_pose", f"{NODE}/target_pose_with_covariance"
POINTS = f"{NODE}/points"

# Turns the axes of a camera (z ahead, x right, y down) to those of a robot (x ahead, y left, z up).
TO_ROBOT = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)


def expected_xyz(index: int) -> tuple[float, float, float]:
    """Where the square of picture ``index`` is, in the optical frame of the calibrated camera."""
    across = (np.array(square_center(index)) - CENTER_PX) / FOCAL_PX * TARGET_M
    return float(across[0]), float(across[1]), TARGET_M


def heard(bench: NodeBench, kind: Any, topic: str, publisher: Any) -> list[Any]:
    """The messages on a topic, whose publisher knows of the listener."""
    bench.client.listen(kind, topic)
    wait_until(lambda: publisher.get_subscription_count() > 0, f"a reader of {topic}")
    return bench.client.heard[topic]


def poses_of(bench: NodeBench) -> tuple[list[Any], list[Any]]:
    publisher = bench.node._topics._poses
    return (
        heard(bench, PoseStamped, POSE, publisher._pose),
        heard(bench, PoseWithCovarianceStamped, WITH_COVARIANCE, publisher._with_covariance),
    )


def xyz(pose: Any) -> tuple[float, float, float]:
    return pose.position.x, pose.position.y, pose.position.z


def test_the_pose_is_where_the_target_is_in_the_camera_frame() -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        poses, with_covariance = poses_of(bench)
        track = depths.track(1, depth_message(depths.header(), depths_m(1)))
        (pose,) = wait_until(lambda: poses, "a pose")
        (certain,) = wait_until(lambda: with_covariance, "a pose with covariance")
        tracks = bench.client.heard[f"{NODE}/tracks"][-1]
    assert pose.header == certain.header == tracks.header
    assert xyz(pose.pose) == pytest.approx(expected_xyz(1), abs=0.02)
    assert pose.pose.position == certain.pose.pose.position == track.position
    assert pose.pose.orientation == Quaternion(w=1.0)
    covariance = np.array(certain.pose.covariance).reshape(6, 6)
    assert covariance[:3, :3] == pytest.approx(np.array(track.position_covariance).reshape(3, 3))
    assert np.diag(covariance[3:, 3:]) == pytest.approx([math.pi**2] * 3)


def test_without_a_position_there_is_no_pose_and_no_cloud() -> None:
    with NodeBench(pose_target_id="1") as bench:
        depths = DepthBench(bench)
        poses, _ = poses_of(bench)
        clouds = heard(bench, PointCloud2, POINTS, bench.node._topics._points)
        depths.track(1, depth_message(depths.header(), np.zeros((240, 320))))
        assert bench.client.set_parameters(pose_target_id="another")[0].successful
        depths.track(2, depth_message(depths.header(), depths_m(2)))
        assert bench.client.set_parameters(pose_target_id="1")[0].successful
        depths.track(3, depth_message(depths.header(), depths_m(3)))
        wait_until(lambda: poses and clouds, "the pose and the cloud")
        assert [xyz(each.pose) for each in poses] == [pytest.approx(expected_xyz(3), abs=0.02)]
        assert len(clouds) == 1


def test_the_cloud_holds_the_measured_points_of_the_target() -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        clouds = heard(bench, PointCloud2, POINTS, bench.node._topics._points)
        track = depths.track(1, depth_message(depths.header(), depths_m(1)))
        (cloud,) = wait_until(lambda: clouds, "a cloud")
    assert cloud.header == bench.client.heard[f"{NODE}/tracks"][-1].header
    assert [(field.name, field.offset) for field in cloud.fields] == [("x", 0), ("y", 4), ("z", 8)]
    points = np.frombuffer(cloud.data, "<f4").reshape(cloud.width, 3)
    assert len(points) == track.mask_area
    on_target = points[np.abs(points[:, 2] - TARGET_M) < 0.001]
    assert len(on_target) > 0.9 * SIDE_PX**2
    assert on_target.mean(axis=0) == pytest.approx(expected_xyz(1), abs=0.02)
    side_m = SIDE_PX / FOCAL_PX * TARGET_M
    assert np.ptp(on_target, axis=0)[:2] == pytest.approx([side_m, side_m], abs=0.03)


def tracked(mask: RegionMask | None) -> TrackedTarget:
    return TrackedTarget("1", SimpleNamespace(mask=mask), 0.0)  # type: ignore[arg-type]


def test_points_are_the_pixels_of_the_mask_that_have_a_depth() -> None:
    binary = np.array([[1, 1, 0], [1, 1, 1]], np.uint8)
    mask = RegionMask(70, 20, binary.astype(np.float32), binary, (100, 200))
    pixels = np.full((100, 200), 9.0, np.float32)
    pixels[20:22, 70:73] = [[2.0, 0.0, 3.0], [np.nan, 4.0, -1.0]]
    depths = DepthImage(pixels, 1.0, 1, "camera")
    camera = CameraModel(200, 100, (100.0, 50.0), (50.0, 40.0))
    expected = [[0.4, -0.8, 2.0], [0.84, -1.52, 4.0]]
    assert target_points(tracked(mask), depths, camera) == pytest.approx(np.array(expected))
    assert target_points(tracked(None), depths, camera).shape == (0, 3)


def test_the_first_target_with_a_position_is_chosen_or_the_one_that_is_named() -> None:
    bearing, camera = np.array([0.0, 0.0, 1.0]), CameraModel(10, 10, (1.0, 1.0), (5.0, 5.0))
    near, far = (Position(bearing * at, np.eye(3)) for at in (1.0, 9.0))
    poses = {
        "blind": TargetPose(bearing, camera),
        "near": TargetPose(bearing, camera, near),
        "far": TargetPose(bearing, camera, far),
    }
    assert choose_position({}, "") is None
    assert choose_position(poses, "") is near
    assert choose_position(poses, "far") is far
    assert choose_position(poses, "blind") is None
    assert choose_position(poses, "nobody") is None


def test_a_transform_turns_and_moves_the_position_and_turns_its_covariance() -> None:
    position = Position(np.array([1.0, 2.0, 3.0]), np.diag([0.1, 0.2, 0.3]))
    transform = Transform(translation=Vector3(x=10.0, y=20.0, z=30.0), rotation=TO_ROBOT)
    moved = apply_transform(position, transform)
    assert moved.xyz_m == pytest.approx([13.0, 19.0, 28.0])
    assert moved.covariance_m2 == pytest.approx(np.diag([0.3, 0.1, 0.2]))


def tf2_with(lookup: Callable[..., TransformStamped], failure: type[Exception]) -> ModuleType:
    """Stands for tf2_ros, which no wheel has: what the node calls of it."""
    module = ModuleType("tf2_ros")
    module.TransformException = failure  # type: ignore[attr-defined]
    module.Buffer = lambda: SimpleNamespace(lookup_transform=lookup)  # type: ignore[attr-defined]
    module.TransformListener = lambda *args, **named: None  # type: ignore[attr-defined]
    return module


class UnknownFrameError(Exception):
    """What tf2 raises for a frame that it does not know."""


def test_the_pose_is_given_in_the_target_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, int]] = []

    def lookup(target: str, source: str, time: Any) -> TransformStamped:
        asked.append((target, source, time.nanoseconds))
        if len(asked) == 1:
            raise UnknownFrameError("map does not exist")
        moved = Vector3(x=10.0, y=0.0, z=1.0)
        return TransformStamped(transform=Transform(translation=moved, rotation=TO_ROBOT))

    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_with(lookup, UnknownFrameError))
    with NodeBench(target_frame="map") as bench:
        depths = DepthBench(bench)
        poses, _ = poses_of(bench)
        depths.track(1, depth_message(depths.header(), depths_m(1)))
        words = "no transform from 'camera' to 'map': map does not exist"
        bench.client.wait_for_status("targets", 1, words)
        assert poses == []
        depths.track(2, depth_message(depths.header(), depths_m(2)))
        (pose,) = wait_until(lambda: poses, "a pose")
        stamp = bench.client.heard[f"{NODE}/tracks"][-1].header.stamp
    x, y, z = expected_xyz(2)
    assert (pose.header.frame_id, pose.header.stamp) == ("map", stamp)
    assert xyz(pose.pose) == pytest.approx((10 + z, -x, 1 - y), abs=0.02)
    assert asked[-1] == ("map", "camera", stamp.sec * 10**9 + stamp.nanosec)


def test_a_missing_transform_is_not_told_any_more_without_a_target_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(target: str, source: str, time: Any) -> TransformStamped:
        raise UnknownFrameError("map does not exist")

    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_with(lookup, UnknownFrameError))
    with NodeBench(target_frame="map") as bench:
        depths = DepthBench(bench)
        poses_of(bench)
        depths.track(1, depth_message(depths.header(), depths_m(1)))
        bench.client.wait_for_status("targets", 1, "no target_pose")
        assert bench.client.change_state("deactivate")
        assert bench.client.set_parameters(target_frame="")[0].successful
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.client.heard["/diagnostics"].clear()
        bench.started(2)
        wait_until(lambda: bench.client.status("targets"), "the diagnostics")
        assert "no target_pose" not in bench.client.status("targets").message


def test_the_real_tf2_moves_the_pose_at_the_stamp_of_the_image() -> None:
    reason = "the ROS 2 wheels have no tf2_ros; where it is installed this test uses it"
    tf2_ros = pytest.importorskip("tf2_ros", reason=reason)
    with NodeBench(target_frame="map") as bench:
        depths = DepthBench(bench)
        poses, _ = poses_of(bench)
        depths.track(1, depth_message(depths.header(), depths_m(1)))
        bench.client.wait_for_status("targets", 1, "no transform from 'camera' to 'map'")
        assert poses == []
        broadcaster = tf2_ros.StaticTransformBroadcaster(bench.client.node)
        moved = Transform(translation=Vector3(x=10.0, y=0.0, z=1.0), rotation=TO_ROBOT)
        fixed = TransformStamped(child_frame_id="camera", transform=moved)
        fixed.header.frame_id = "map"
        broadcaster.sendTransform(fixed)
        transformer = bench.node._topics._poses._transformer
        assert transformer is not None
        buffer = transformer._buffer
        wait_until(lambda: "camera" in buffer.all_frames_as_string(), "tf to be heard")
        depths.track(2, depth_message(depths.header(), depths_m(2)))
        (pose,) = wait_until(lambda: poses, "a pose")
    x, y, z = expected_xyz(2)
    assert pose.header.frame_id == "map"
    assert xyz(pose.pose) == pytest.approx((10 + z, -x, 1 - y), abs=0.02)


def test_without_tf2_a_target_frame_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    with NodeBench(target_frame="map", active=False) as bench:
        assert bench.client.change_state("configure")
        assert not bench.client.change_state("activate")
        bench.client.wait_for_status("targets", 2, "target_frame needs tf2_ros")
        assert bench.client.set_parameters(target_frame="")[0].successful
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(0)
        bench.assert_tracks(1)
