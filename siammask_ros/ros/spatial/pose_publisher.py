"""The pose of one target for planners: ~/target_pose and ~/target_pose_with_covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, PoseWithCovarianceStamped, Quaternion
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from siammask_ros.errors import DataError
from siammask_ros.geometry.position import Position
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.spatial.frame_transformer import FrameTransformer
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.session import Frame

# The orientation of a target is not known: any angle is possible.
UNKNOWN_ANGLE_RAD2 = math.pi**2


class PosePublisher:
    """Publishes the pose of the target that the parameter pose_target_id selects.

    ``refusal`` says why the last pose could not be transformed; it is empty if it could.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._transformer: FrameTransformer | None = None
        self.refusal = ""
        create = node.create_lifecycle_publisher
        self._pose = create(PoseStamped, "~/target_pose", qos.RESULTS)
        self._with_covariance = create(
            PoseWithCovarianceStamped, "~/target_pose_with_covariance", qos.RESULTS
        )

    @property
    def is_wanted(self) -> bool:
        """Whether someone subscribes to a pose."""
        return any(
            publisher.is_activated and publisher.get_subscription_count() > 0
            for publisher in (self._pose, self._with_covariance)
        )

    def prepare(self, target_frame: str) -> None:
        """Listen to tf if poses are needed in this frame; raises ConfigError without tf2_ros.

        Call it at every activation: what was refused before does not count any more.
        """
        self.refusal = ""
        if target_frame and self._transformer is None:
            self._transformer = FrameTransformer(self._node)

    def publish(
        self, header: Header, frame: Frame, poses: Mapping[str, TargetPose], config: NodeConfig
    ) -> None:
        """Publish the pose of the chosen target, if its position is known.

        ``header`` is that of the image. Raises DataError if tf does not know the frame.
        """
        position = choose_position(poses, config.pose_target_id)
        if position is None:
            return
        if config.target_frame and self._transformer is not None:
            position = self._transform(self._transformer, position, frame, config.target_frame)
            header = Header(stamp=header.stamp, frame_id=config.target_frame)
        message = build_pose(header, position)
        self._pose.publish(PoseStamped(header=header, pose=message.pose.pose))
        self._with_covariance.publish(message)

    def _transform(
        self, transformer: FrameTransformer, position: Position, frame: Frame, target_frame: str
    ) -> Position:
        try:
            moved = transformer.transform(position, frame.frame_id, target_frame, frame.stamp_ns)
        except DataError as error:
            self.refusal = f"no target_pose: {error}"
            raise
        self.refusal = ""
        return moved


def choose_position(poses: Mapping[str, TargetPose], target_id: str) -> Position | None:
    """Return the position of the target with this id or, if it is empty, the first known one."""
    if target_id:
        chosen = poses.get(target_id)
        return chosen.position if chosen is not None else None
    return next((pose.position for pose in poses.values() if pose.position is not None), None)


def build_pose(header: Header, position: Position) -> PoseWithCovarianceStamped:
    """Return a position as a pose without rotation, whose angles have a large variance."""
    x, y, z = (float(value) for value in position.xyz_m)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = position.covariance_m2
    covariance[3:, 3:] = np.eye(3) * UNKNOWN_ANGLE_RAD2
    message = PoseWithCovarianceStamped(header=header)
    message.pose.pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0))
    message.pose.covariance = covariance.ravel()
    return message
