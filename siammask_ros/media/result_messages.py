"""Results as messages of ROS 2, for a node and for a bag alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import simplify_outline
from siammask_ros.media.image_messages import NANOSECONDS
from siammask_ros.session import TrackedTarget

CLASS_ID = "target"
# What a Duration holds at most.
_MAX_SECONDS = 2**31 - 1


class ResultMessages:
    """Builds the messages of results.

    ``types`` has the class of each message by its name, such as vision_msgs/msg/Detection2D: those
    of ROS 2, or those that rosbags made of the definitions, which take no field for granted.
    """

    def __init__(self, types: Mapping[str, Callable[..., Any]]) -> None:
        self._types = types

    def new(self, kind: str, **fields: Any) -> Any:
        """A message of a kind such as vision_msgs/Detection2D."""
        package, _, name = kind.partition("/")
        return self._types[f"{package}/msg/{name}"](**fields)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        """The header of an image."""
        seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
        stamp = self.new("builtin_interfaces/Time", sec=seconds, nanosec=nanoseconds)
        return self.new("std_msgs/Header", stamp=stamp, frame_id=frame_id)

    def detections(self, header: Any, detections: Iterable[Any]) -> Any:
        """A Detection2DArray."""
        kind = "vision_msgs/Detection2DArray"
        return self.new(kind, header=header, detections=list(detections))

    def detection(self, header: Any, target: TrackedTarget, box: RotatedBox | None = None) -> Any:
        """A Detection2D with a predicted box or the observed one."""
        hypothesis = self.new(
            "vision_msgs/ObjectHypothesis", class_id=CLASS_ID, score=float(target.result.score)
        )
        pose = self.new(
            "geometry_msgs/Pose",
            position=self._xyz("Point"),
            orientation=self.new("geometry_msgs/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )
        scored = self.new(
            "vision_msgs/ObjectHypothesisWithPose",
            hypothesis=hypothesis,
            pose=self.new("geometry_msgs/PoseWithCovariance", pose=pose, covariance=np.zeros(36)),
        )
        return self.new(
            "vision_msgs/Detection2D",
            header=header,
            results=[scored],
            bbox=self.box(box or target.result.box),
            id=target.target_id,
        )

    def tracks(self, header: Any, config_serial: int, tracks: Iterable[Any]) -> Any:
        """A TrackArray."""
        kind = "siammask_ros/TrackArray"
        return self.new(kind, header=header, config_serial=config_serial, tracks=list(tracks))

    def track(
        self, target: TrackedTarget, box: RotatedBox | None = None, predicted_ms: float = 0.0
    ) -> Any:
        """A Track with a box predicted for ``predicted_ms`` or the observed one, without a pose."""
        result = target.result
        box = box or result.box
        whole, rest = divmod(max(round(target.unseen_s * NANOSECONDS), 0), NANOSECONDS)
        return self.new(
            "siammask_ros/Track",
            id=target.target_id,
            state=int(result.status),
            reason=result.reason,
            score=float(result.score),
            box=self.box(box),
            corners=[self._point(corner) for corner in box.corners_xy],
            predicted_ms=predicted_ms,
            observed_box=self.box(result.box),
            outline=[self._point(point) for point in simplify_outline(result.outline)],
            mask_area=result.mask.area_px if result.mask else 0,
            time_since_seen=self.new(
                "builtin_interfaces/Duration", sec=min(whole, _MAX_SECONDS), nanosec=rest
            ),
            has_bearing=False,
            bearing=self._xyz("Vector3"),
            has_position=False,
            position=self._xyz("Point"),
            position_covariance=np.zeros(9),
        )

    def box(self, box: RotatedBox) -> Any:
        """A BoundingBox2D."""
        center = self.new(
            "vision_msgs/Pose2D", position=self._point((box.x, box.y)), theta=float(box.theta)
        )
        width, height = float(box.width), float(box.height)
        return self.new("vision_msgs/BoundingBox2D", center=center, size_x=width, size_y=height)

    def _point(self, point: Any) -> Any:
        return self.new("vision_msgs/Point2D", x=float(point[0]), y=float(point[1]))

    def _xyz(self, kind: str) -> Any:
        return self.new(f"geometry_msgs/{kind}", x=0.0, y=0.0, z=0.0)
