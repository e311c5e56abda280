"""The pose of a target: its bearing and, if the depth is known, its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.geometry.position import Position


@dataclass(frozen=True, slots=True, eq=False)
class TargetPose:
    """The bearing of a target, a unit vector (3,) in the optical frame, and its position.

    ``camera`` is the calibration of the camera.
    """

    bearing: NDArray[np.float64]
    camera: CameraModel
    position: Position | None = None
