"""What tells where in space targets are: the camera's calibration and a depth image."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from siammask_ros.geometry.lens import Lens
from siammask_ros.geometry.position import Position, depth_under, position_at
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.spatial.calibration import Calibration
from siammask_ros.ros.spatial.depth import DepthImage, DepthImages
from siammask_ros.ros.spatial.target_pose import Whereabouts, is_shown
from siammask_ros.session import FrameResult, TrackedTarget


class Sight:
    """Listens from now on until it is closed; ``config`` gives the settings that are in force."""

    def __init__(self, node: Node, guard: CallbackGuard, config: Callable[[], NodeConfig]) -> None:
        self._calibration = Calibration(node, guard, lambda: config().image_rectified)
        self._depths = DepthImages(node, guard, config)

    def whereabouts(self, answer: FrameResult) -> dict[str, Whereabouts]:
        """What is known of each target that the image shows, by its id; of the others nothing."""
        lens = self._calibration.lens_of(answer.frame)
        shown = [target for target in answer.targets if is_shown(target)]
        if lens is None or not shown:
            return {}
        depths = self._depths.of(answer.frame)
        rays = lens.rays([(target.result.box.x, target.result.box.y) for target in shown])
        return {
            target.target_id: Whereabouts(ray, lens, _position(target, ray, lens, depths))
            for target, ray in zip(shown, rays, strict=True)
            if np.isfinite(ray).all()
        }

    @property
    def refusal(self) -> str:
        """Why something that arrived could not be used, or nothing."""
        refusals = {"bearing": self._calibration.refusal, "position": self._depths.refusal}
        return "; ".join(f"no {what}: {why}" for what, why in refusals.items() if why)

    def state(self) -> dict[str, str]:
        """In words, where each kind of knowledge comes from."""
        return {"bearing": self._calibration.state, "position": self._depths.state}

    def close(self) -> None:
        """Stops listening."""
        self._calibration.close()
        self._depths.close()


def _position(
    target: TrackedTarget, bearing: NDArray[np.float64], lens: Lens, depths: DepthImage | None
) -> Position | None:
    mask, box = target.result.mask, target.result.box
    if depths is None or mask is None:
        return None
    depth = depth_under(mask.binary, depths.metres(mask.window))
    if depth is None:
        return None
    return position_at(bearing, depth, math.sqrt(box.width * box.height), lens)
