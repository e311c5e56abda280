"""The pose of a target: its bearing and, if the depth is known, its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.geometry.position import Position
from siammask_ros.session import TrackedTarget


@dataclass(frozen=True, slots=True, eq=False)
class TargetPose:
    """The bearing of a target, a unit vector (3,) in the optical frame, and its position.

    ``camera`` is the calibration of the camera.
    """

    bearing: NDArray[np.float64]
    camera: CameraModel
    position: Position | None = None


def is_shown(target: TrackedTarget) -> bool:
    """Return whether the target is visible in this image; otherwise its box is an older one."""
    return target.result.status.name in ("TRACKING", "UNCERTAIN") and target.unseen_s == 0
