"""A tf frame for every target whose position is known."""

from __future__ import annotations

from collections.abc import Mapping

from geometry_msgs.msg import TransformStamped, Vector3
from rclpy.lifecycle import LifecycleNode

from siammask_ros.errors import ConfigError
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.tracking_io.messages import header_of
from siammask_ros.session import FrameResult


class TargetFrames:
    """Broadcasts on /tf while the node is active; raises ConfigError where tf2_msgs is missing."""

    def __init__(self, node: LifecycleNode) -> None:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError as error:
            raise ConfigError(
                "publish_tf needs tf2_msgs, which is not installed; install it "
                "(sudo apt install ros-$ROS_DISTRO-tf2-msgs) or set publish_tf to false"
            ) from error
        self._message = TFMessage
        self._publisher = node.create_lifecycle_publisher(TFMessage, "/tf", qos.TRANSFORMS)
        self._prefix = node.get_fully_qualified_name().strip("/")

    def publish(self, answer: FrameResult, where: Mapping[str, TargetPose]) -> None:
        """A frame for each target that this image gives a position of.

        It hangs below the camera's optical frame and has the same axes: how a target is turned
        in space is not known. Images without a frame_id have none to hang it on.
        """
        header = header_of(answer.frame)
        transforms = []
        for target_id, known in where.items():
            if known.position is None or not header.frame_id:
                continue
            child = f"{self._prefix}/{target_id}"
            transform = TransformStamped(header=header, child_frame_id=child)
            x, y, z = (float(part) for part in known.position.xyz_m)
            transform.transform.translation = Vector3(x=x, y=y, z=z)
            transforms.append(transform)
        if transforms:
            self._publisher.publish(self._message(transforms=transforms))
