"""The pose of a target: its bearing and, where depth is known, its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.lens import Lens
from siammask_ros.geometry.position import Position
from siammask_ros.session import TrackedTarget


@dataclass(frozen=True, slots=True, eq=False)
class TargetPose:
    """A target's direction, a unit vector (3,) in the camera's optical frame, and its position.

    ``lens`` is the one that it was seen through.
    """

    bearing: NDArray[np.float64]
    lens: Lens
    position: Position | None = None


def is_shown(target: TrackedTarget) -> bool:
    """Whether the image itself shows the target; else its box is an old one."""
    return target.result.status.name in ("TRACKING", "UNCERTAIN") and target.unseen_s == 0
