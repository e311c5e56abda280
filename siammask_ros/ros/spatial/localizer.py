"""Finds the pose of targets from the camera's calibration and a depth image."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.geometry.position import Position, estimate_position, measure_depth
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.spatial.calibration import Calibration
from siammask_ros.ros.spatial.depth import DepthImage, DepthImages
from siammask_ros.ros.spatial.point_cloud import target_points
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.session import FrameResult, TrackedTarget


class TargetLocalizer:
    """Subscribes to calibration and depth until closed; ``config`` returns the current settings."""

    def __init__(self, node: Node, guard: CallbackGuard, config: Callable[[], NodeConfig]) -> None:
        self._calibration = Calibration(node, guard, lambda: config().image_rectified)
        self._depths = DepthImages(node, guard, config)

    def locate(self, answer: FrameResult) -> dict[str, TargetPose]:
        """Return the pose of each target that is visible in the image, by target id."""
        camera = self._calibration.find_camera_model(answer.frame)
        shown = [target for target in answer.targets if target.is_visible]
        if camera is None or not shown:
            return {}
        depths = self._depths.find(answer.frame)
        rays = camera.rays([(target.result.box.x, target.result.box.y) for target in shown])
        return {
            target.target_id: TargetPose(ray, camera, _position(target, ray, camera, depths))
            for target, ray in zip(shown, rays, strict=True)
            if np.isfinite(ray).all()
        }

    def find_points(self, answer: FrameResult, target_id: str) -> NDArray[np.float32]:
        """Return the measured points (n, 3) of a target, or of the first one if the id is empty."""
        camera = self._calibration.find_camera_model(answer.frame)
        depths = self._depths.find(answer.frame)
        chosen = [
            target
            for target in answer.targets
            if target.is_visible and target_id in ("", target.target_id)
        ]
        if camera is None or depths is None or not chosen:
            return np.zeros((0, 3), np.float32)
        return target_points(chosen[0], depths, camera)

    @property
    def refusal(self) -> str:
        """Why the last calibration or depth image was refused, or an empty string."""
        refusals = {"bearing": self._calibration.refusal, "position": self._depths.refusal}
        return "; ".join(f"no {what}: {why}" for what, why in refusals.items() if why)

    def state(self) -> dict[str, str]:
        """Return what bearing and position are computed from, in words."""
        return {"bearing": self._calibration.state, "position": self._depths.state}

    def close(self) -> None:
        """Destroy the subscriptions."""
        self._calibration.close()
        self._depths.close()


def _position(
    target: TrackedTarget,
    bearing: NDArray[np.float64],
    camera: CameraModel,
    depths: DepthImage | None,
) -> Position | None:
    mask, box = target.result.mask, target.result.box
    if depths is None or mask is None:
        return None
    depth = measure_depth(mask.binary, depths.metres(mask.window))
    if depth is None:
        return None
    return estimate_position(bearing, depth, math.sqrt(box.width * box.height), camera)
