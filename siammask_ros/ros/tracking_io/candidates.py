"""A detector's boxes on their way into a session: where a lost target may be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from vision_msgs.msg import Detection2D, Detection2DArray

from siammask_ros.errors import SiamMaskError
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.tracking_io.messages import read_box
from siammask_ros.session import Session


class Candidates:
    """Subscribes to `~/detections_in` until closed and offers the boxes to ``session``."""

    def __init__(self, node: Node, guard: CallbackGuard, session: Session) -> None:
        self._node = node
        self._guard = guard
        self._session = session
        self._subscription = node.create_subscription(
            Detection2DArray,
            "~/detections_in",
            guard.wrap(self._on_detections, interface="~/detections_in"),
            qos.CAMERA,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    def close(self) -> None:
        """Stops listening."""
        self._node.destroy_subscription(self._subscription)

    def _on_detections(self, message: Detection2DArray) -> None:
        session = self._session
        try:
            taken_ns = stamp_ns(message.header)
            boxes = [read_box(detection.bbox) for detection in _likeliest_first(message.detections)]
        except SiamMaskError as error:
            session.count_refused_candidates(len(message.detections), str(error))
            self._warn(str(error))
            return
        try:
            offer = session.offer_candidates(boxes, taken_ns, message.header.frame_id)
        except SiamMaskError as error:
            self._warn(str(error))
            return
        if offer.refused:
            self._warn(f"{len(offer.refused)} of {len(boxes)}: {offer.refused[-1]}")

    def _warn(self, reason: str) -> None:
        self._guard.warn("candidates refused", f"candidates refused: {reason}")


def _likeliest_first(detections: Sequence[Detection2D]) -> list[Detection2D]:
    """By the best score that the detector gave to each; one without any counts as 0."""

    def score(detection: Detection2D) -> float:
        scores = (float(result.hypothesis.score) for result in detection.results)
        return max((value for value in scores if math.isfinite(value)), default=0.0)

    return sorted(detections, key=score, reverse=True)
