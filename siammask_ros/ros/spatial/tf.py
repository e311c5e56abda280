"""Broadcasts a tf frame for each target with a known position."""

from __future__ import annotations

from collections.abc import Mapping

from geometry_msgs.msg import TransformStamped, Vector3
from rclpy.lifecycle import LifecycleNode

from siammask_ros.errors import ConfigError
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.tracking_io.messages import build_header
from siammask_ros.session import FrameResult


class TargetFrames:
    """Broadcasts on /tf while the node is active; raises ConfigError if tf2_msgs is missing."""

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

    def publish(self, answer: FrameResult, poses: Mapping[str, TargetPose]) -> None:
        """Broadcast a frame for each target that has a position in this image.

        Its parent is the optical frame of the camera, and it has the same axes: the orientation of
        a target is not known. Images without a frame_id give no frame.
        """
        header = build_header(answer.frame)
        transforms = []
        for target_id, pose in poses.items():
            if pose.position is None or not header.frame_id:
                continue
            child = f"{self._prefix}/{target_id}"
            transform = TransformStamped(header=header, child_frame_id=child)
            x, y, z = (float(part) for part in pose.position.xyz_m)
            transform.transform.translation = Vector3(x=x, y=y, z=z)
            transforms.append(transform)
        if transforms:
            self._publisher.publish(self._message(transforms=transforms))
