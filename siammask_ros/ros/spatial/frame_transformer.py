"""Positions in another frame than the camera's, by tf2."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.geometry.position import Position


class FrameTransformer:
    """Listens to tf as long as the node exists; raises ConfigError if tf2_ros is not installed."""

    def __init__(self, node: Node) -> None:
        try:
            import tf2_ros
        except ImportError as error:
            raise ConfigError(
                "target_frame needs tf2_ros, which is not installed; install it "
                "(sudo apt install ros-$ROS_DISTRO-tf2-ros-py) or set target_frame to an empty text"
            ) from error
        self._failures = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node, spin_thread=False)

    def transform(
        self, position: Position, source_frame: str, target_frame: str, stamp_ns: int
    ) -> Position:
        """Return a position of the image with this stamp in ``target_frame``.

        Raises DataError if tf does not know the transform at that time.
        """
        try:
            found = self._buffer.lookup_transform(
                target_frame, source_frame, Time(nanoseconds=stamp_ns)
            )
        except self._failures as error:
            raise DataError(
                f"no transform from {source_frame[:40]!r} to {target_frame[:40]!r}: {error}"
            ) from error
        return apply_transform(position, found.transform)


def apply_transform(position: Position, transform: Any) -> Position:
    """Return a position and its covariance in the parent frame of a geometry_msgs/Transform."""
    rotation = _rotation_matrix(transform.rotation)
    offset = transform.translation
    xyz_m = rotation @ position.xyz_m + np.array([offset.x, offset.y, offset.z])
    return Position(xyz_m, rotation @ position.covariance_m2 @ rotation.T)


def _rotation_matrix(quaternion: Any) -> NDArray[np.float64]:
    values = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w], np.float64)
    x, y, z, w = values / np.linalg.norm(values)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
