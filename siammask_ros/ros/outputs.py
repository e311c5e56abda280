"""The topics that answers leave on, published beside the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import MarkerArray

from siammask_ros.msg import FrameLatency, TrackArray
from siammask_ros.ros import messages, qos
from siammask_ros.ros.guard import Border
from siammask_ros.ros.markers import markers_message
from siammask_ros.ros.outbox import Outbox
from siammask_ros.ros.overlay import overlay
from siammask_ros.ros.whereabouts import Whereabouts
from siammask_ros.session import FrameResult


class Outputs:
    """Publishes answers on the node's topics; pictures and markers only while someone listens.

    ``where`` tells where in space an answer's targets are. Drawing has a slot of its own: masks
    and boxes never wait for what people look at.
    """

    def __init__(
        self,
        node: LifecycleNode,
        border: Border,
        where: Callable[[FrameResult], Mapping[str, Whereabouts]],
    ) -> None:
        # Tracks do not depend on it: without an answer they have no bearing.
        self._where = border.guard(where, lambda error, answer: {})
        create = node.create_lifecycle_publisher
        self._mask = create(Image, "~/mask", qos.PICTURES)
        self._overlay = create(Image, "~/overlay", qos.PICTURES)
        self._markers = create(MarkerArray, "~/markers", qos.PICTURES)
        self._detections = create(Detection2DArray, "~/detections", qos.ANSWERS)
        self._tracks = create(TrackArray, "~/tracks", qos.ANSWERS)
        self._latency = create(FrameLatency, "~/latency", qos.ANSWERS)
        self._answers = Outbox("answers", border.guard(self._publish))
        self._drawings = Outbox("drawings", border.guard(self._draw))

    @property
    def unpublished(self) -> int:
        """Answers that were replaced by a newer one before they were published."""
        return self._answers.replaced

    def put(self, answer: FrameResult) -> None:
        """Has an answer published soon; returns at once."""
        self._answers.put(answer)

    def publish_tracks(self, answer: FrameResult) -> None:
        """Publishes only what is known of the targets, now: there is no new image."""
        self._tracks.publish(messages.tracks_message(answer))

    def close(self) -> bool:
        """Ends publishing; False where a delivery hangs."""
        closed = [box.close() for box in (self._answers, self._drawings)]
        return all(closed)

    def _publish(self, answer: FrameResult) -> None:
        began_s = time.monotonic()
        self._detections.publish(messages.detections_message(answer))
        wanted = _is_heard(self._tracks) or _is_heard(self._markers)
        where = self._where(answer) if wanted else {}
        self._tracks.publish(messages.tracks_message(answer, where))
        if _is_heard(self._mask):
            header = messages.header_of(answer.frame)
            self._mask.publish(messages.image_message(header, answer.mask()))
        now_s = time.monotonic()
        publish_ms = (now_s - began_s) * 1e3
        since_arrival_ms = (now_s - answer.frame.arrived_s) * 1e3
        latency = messages.latency_message(answer, publish_ms, since_arrival_ms)
        self._latency.publish(latency)
        if _is_heard(self._overlay) or _is_heard(self._markers):
            self._drawings.put((answer, where, latency.age_ms))

    def _draw(self, item: tuple[FrameResult, Mapping[str, Whereabouts], float]) -> None:
        answer, where, age_ms = item
        if _is_heard(self._markers):
            self._markers.publish(markers_message(answer, where))
        if _is_heard(self._overlay):
            header = messages.header_of(answer.frame)
            self._overlay.publish(messages.image_message(header, overlay(answer, age_ms)))


def _is_heard(publisher: Any) -> bool:
    return bool(publisher.is_activated and publisher.get_subscription_count() > 0)
