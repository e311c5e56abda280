"""A detector's boxes: places where lost targets may be, and new targets if auto_follow is on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from vision_msgs.msg import Detection2D, Detection2DArray

from siammask_ros.errors import SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.tracking_io.auto_follow import AutoFollow, ScoredBox, choose_box
from siammask_ros.ros.tracking_io.follow import FollowCommands, Selection
from siammask_ros.ros.tracking_io.messages import read_box
from siammask_ros.session import Session


class Candidates:
    """Subscribes to `~/detections_in` until closed and offers the boxes to ``session``.

    ``config`` returns the current parameters. New targets are started by ``commands``.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        session: Session,
        config: Callable[[], NodeConfig],
        commands: FollowCommands,
    ) -> None:
        self._node = node
        self._guard = guard
        self._session = session
        self._config = config
        self._commands = commands
        self._auto_follow = AutoFollow()
        self._subscription = node.create_subscription(
            Detection2DArray,
            "~/detections_in",
            guard.wrap(self._on_detections, interface="~/detections_in"),
            qos.CAMERA,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    def close(self) -> None:
        """Destroy the subscription."""
        self._node.destroy_subscription(self._subscription)

    def describe_auto_follow(self) -> str:
        """Return in words what auto_follow does, for the diagnostics."""
        config, statuses = self._config(), self._session.health().statuses
        return self._auto_follow.describe(
            statuses, config.auto_follow_class, config.auto_follow_hold_s
        )

    def _on_detections(self, message: Detection2DArray) -> None:
        try:
            taken_ns = stamp_ns(message.header)
            detections = _sort_by_score(message.detections)
            boxes = [read_box(detection.bbox) for detection in detections]
        except SiamMaskError as error:
            self._session.count_refused_candidates(len(message.detections), str(error))
            self._warn(str(error))
            return
        try:
            check = self._session.offer_candidates(boxes, taken_ns, message.header.frame_id)
        except SiamMaskError as error:
            self._warn(str(error))
            return
        if check.refused:
            self._warn(f"{len(check.refused)} of {len(boxes)}: {check.refused[-1]}")
        if self._config().auto_follow_class:
            self._follow_one(detections, boxes, taken_ns)

    def _follow_one(
        self, detections: Sequence[Detection2D], boxes: Sequence[RotatedBox], taken_ns: int
    ) -> None:
        """Start a target on the image of these detections if there is none."""
        config, session, auto_follow = self._config(), self._session, self._auto_follow
        statuses = session.health().statuses
        expired = auto_follow.find_expired(statuses, config.auto_follow_hold_s)
        if expired:
            session.forget(expired)
            self._log(f"target {expired!r} was LOST for {config.auto_follow_hold_s:g} s, forgotten")
            statuses = session.health().statuses
        image_size = session.newest_image_size
        if image_size is None or not auto_follow.is_due(statuses):
            return
        detected = [
            ScoredBox(box, _scores_by_class(detection))
            for detection, box in zip(detections, boxes, strict=True)
        ]
        class_id, choice = config.auto_follow_class, config.auto_follow_choice
        box = choose_box(detected, class_id, choice, image_size)
        if box is None:
            return
        target_id = auto_follow.begin()
        what = f"{target_id!r} from a detection of class {class_id!r} ({choice})"

        def on_done(started_id: str, reason: str) -> None:
            auto_follow.finish(started_id, reason)
            if not reason:
                self._log(f"tracking {what}")

        selection = Selection(box, target_id, taken_ns, image_size)
        self._commands.start("detection", lambda: selection, on_done)

    def _log(self, sentence: str) -> None:
        self._node.get_logger().info(f"auto_follow: {sentence}")

    def _warn(self, reason: str) -> None:
        self._guard.warn("candidates refused", f"candidates refused: {reason}")


def _scores_by_class(detection: Detection2D) -> dict[str, float]:
    hypotheses = [result.hypothesis for result in detection.results]
    return {str(each.class_id): float(each.score) for each in hypotheses}


def _sort_by_score(detections: Sequence[Detection2D]) -> list[Detection2D]:
    """Return the detections with the highest score first; without a score it counts as 0."""

    def score(detection: Detection2D) -> float:
        scores = (float(result.hypothesis.score) for result in detection.results)
        return max((value for value in scores if math.isfinite(value)), default=0.0)

    return sorted(detections, key=score, reverse=True)
