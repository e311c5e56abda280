"""Publishes the results, in threads of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import MarkerArray

from siammask_ros.media.tracked_targets import draw_tracked_targets
from siammask_ros.msg import FrameLatency, TrackArray
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.spatial.localizer import TargetLocalizer
from siammask_ros.ros.spatial.point_cloud import build_point_cloud
from siammask_ros.ros.spatial.pose_publisher import PosePublisher
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.spatial.tf import TargetFrames
from siammask_ros.ros.tracking_io import messages
from siammask_ros.ros.tracking_io.latest_publisher import LatestPublisher
from siammask_ros.ros.tracking_io.markers import build_markers
from siammask_ros.ros.tracking_io.prediction import Prediction
from siammask_ros.session import FrameResult


class Publishers:
    """Publishes results on the topics of the node; images and markers only while needed.

    ``config`` returns the current parameters. Drawing has a thread of its own, so that masks and
    boxes never wait for the overlay. ``failed_in_row`` counts the results that could not be
    published since the last one that could.
    """

    def __init__(
        self,
        node: LifecycleNode,
        guard: CallbackGuard,
        config: Callable[[], NodeConfig],
    ) -> None:
        # If it fails, the tracks are published without bearings.
        self._locate = guard.wrap(_locate, lambda error, *arguments: {})
        self._node = node
        self._config = config
        self._prediction = Prediction()
        self._frames: TargetFrames | None = None
        create = node.create_lifecycle_publisher
        self._mask = create(Image, "~/mask", qos.IMAGES)
        self._instance_mask = create(Image, "~/instance_mask", qos.IMAGES)
        self._overlay = create(Image, "~/overlay", qos.IMAGES)
        self._overlay_jpeg = create(CompressedImage, "~/overlay/compressed", qos.IMAGES)
        self._markers = create(MarkerArray, "~/markers", qos.IMAGES)
        self._detections = create(Detection2DArray, "~/detections", qos.RESULTS)
        self._tracks = create(TrackArray, "~/tracks", qos.RESULTS)
        self._latency = create(FrameLatency, "~/latency", qos.RESULTS)
        self._points = create(PointCloud2, "~/points", qos.IMAGES)
        self._poses = PosePublisher(node)
        self._publish_pose = guard.wrap(self._poses.publish, interface="~/target_pose")
        self._drawn = (self._overlay, self._overlay_jpeg, self._markers, self._points)
        self.failed_in_row = 0
        self._answers = LatestPublisher("answers", guard.wrap(self._publish, self._count_failure))
        self._drawings = LatestPublisher("drawings", guard.wrap(self._draw))

    @property
    def unpublished(self) -> int:
        """Number of results that were replaced by a newer one before they were published."""
        return self._answers.replaced

    @property
    def pose_refusal(self) -> str:
        """Why the last pose was not published, or an empty text."""
        return self._poses.refusal

    def prepare_tf(self, config: NodeConfig) -> None:
        """Broadcast and listen to tf as configured; raises ConfigError if a package is missing."""
        if config.publish_tf and self._frames is None:
            self._frames = TargetFrames(self._node)
        self._poses.prepare(config.target_frame)

    def put(self, answer: FrameResult, localizer: TargetLocalizer) -> None:
        """Publish a result soon, with the poses that ``localizer`` finds; return at once."""
        self._answers.put((answer, localizer))

    def publish_tracks(self, answer: FrameResult) -> None:
        """Publish only the tracks, now: there is no new image."""
        self._tracks.publish(messages.build_tracks(answer))

    def close(self) -> bool:
        """End publishing; return False if a delivery hangs."""
        closed = [box.close() for box in (self._answers, self._drawings)]
        return all(closed)

    def _publish(self, item: tuple[FrameResult, TargetLocalizer]) -> None:
        answer, localizer = item
        began_s = time.monotonic()
        age_ms = messages.age_ms(answer.frame, began_s)
        config = self._config()
        predicted = self._prediction.predict(answer, age_ms, config.predict_max_age_s)
        self._detections.publish(messages.build_detections(answer, predicted))
        frames = self._frames if config.publish_tf else None
        wanted = (
            frames is not None
            or self._poses.is_wanted
            or _has_subscribers(self._tracks)
            or _has_subscribers(self._markers)
        )
        poses = self._locate(localizer, answer) if wanted else {}
        self._tracks.publish(messages.build_tracks(answer, poses, predicted))
        if frames is not None:
            frames.publish(answer, poses)
        header = messages.build_header(answer.frame)
        if self._poses.is_wanted:
            self._publish_pose(header, answer.frame, poses, config)
        if _has_subscribers(self._mask):
            self._mask.publish(messages.build_image(header, answer.mask()))
        if _has_subscribers(self._instance_mask):
            self._instance_mask.publish(messages.build_image(header, answer.labels()))
        left_s = time.monotonic()
        latency = messages.build_latency(answer, (left_s - began_s) * 1e3, left_s)
        self._latency.publish(latency)
        self.failed_in_row = 0
        if any(_has_subscribers(publisher) for publisher in self._drawn):
            self._drawings.put((answer, localizer, poses, latency.age_ms))

    def _count_failure(self, error: Exception, item: Any) -> None:
        """Count a result that could not be published."""
        self.failed_in_row += 1

    def _draw(
        self, item: tuple[FrameResult, TargetLocalizer, Mapping[str, TargetPose], float]
    ) -> None:
        answer, localizer, poses, age_ms = item
        if _has_subscribers(self._points):
            points = localizer.find_points(answer, self._config().pose_target_id)
            if len(points):
                header = messages.build_header(answer.frame)
                self._points.publish(build_point_cloud(header, points))
        if _has_subscribers(self._markers):
            self._markers.publish(build_markers(answer, poses))
        if not (_has_subscribers(self._overlay) or _has_subscribers(self._overlay_jpeg)):
            return
        header = messages.build_header(answer.frame)
        image = draw_tracked_targets(answer.frame.image, answer.targets, f"{age_ms:.0f} ms")
        if _has_subscribers(self._overlay):
            self._overlay.publish(messages.build_image(header, image))
        if _has_subscribers(self._overlay_jpeg):
            self._overlay_jpeg.publish(messages.build_jpeg(header, image))


def _locate(localizer: TargetLocalizer, answer: FrameResult) -> Mapping[str, TargetPose]:
    return localizer.locate(answer)


def _has_subscribers(publisher: Any) -> bool:
    return bool(publisher.is_activated and publisher.get_subscription_count() > 0)
