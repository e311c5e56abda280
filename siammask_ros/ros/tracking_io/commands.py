"""What people and other nodes ask a tracker for: follow, forget, reset, pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from vision_msgs.msg import Detection2D

from siammask_ros.errors import SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh
from siammask_ros.media.image_messages import image_to_mask, stamp_ns
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard, failure_response
from siammask_ros.ros.tracking_io.messages import box_of
from siammask_ros.session import Session


class Commands:
    """Hands commands on to the session; they are heard in every state of the node.

    ``active_session`` raises SiamMaskError with the name of the state where there is none;
    ``max_side_px`` is the limit that is in force for masks.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        active_session: Callable[[], Session],
        max_side_px: Callable[[], int],
    ) -> None:
        self._guard = guard
        self._max_side_px = max_side_px
        self._active_session = active_session
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic, callback in (
            (Detection2D, "~/init_box", self._on_init_box),
            (Image, "~/init_mask", self._on_init_mask),
            (String, "~/forget", self._on_forget),
        ):
            guarded_callback = guard.wrap(callback, interface=topic)
            node.create_subscription(
                kind, topic, guarded_callback, qos.COMMANDS, callback_group=group
            )
        for service, name, answer in (
            (Trigger, "~/reset", self._on_reset),
            (SetBool, "~/pause", self._on_pause),
        ):
            guarded_callback = guard.wrap(answer, failure_response, name)
            node.create_service(service, name, guarded_callback, callback_group=group)

    def refused(self, target_id: str, reason: str) -> None:
        """Says that a box which had been accepted could not be followed after all."""
        self._guard.warn("box refused", f"target {target_id!r} could not be started: {reason}")

    def _on_init_box(self, detection: Detection2D) -> None:
        def start(session: Session) -> None:
            session.start_target(box_of(detection), detection.id, stamp_ns(detection.header))

        self._follow("box", start)

    def _on_init_mask(self, message: Image) -> None:
        def start(session: Session) -> None:
            mask = image_to_mask(message, self._max_side_px())
            box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
            session.start_target(box, "", stamp_ns(message.header), mask.shape)

        self._follow("mask", start)

    def _follow(self, what: str, start: Callable[[Session], None]) -> None:
        session: Session | None = None
        try:
            session = self._active_session()
            start(session)
        except SiamMaskError as error:
            if session is not None:
                session.report_refused_box(str(error))
            self._guard.warn(f"{what} refused", f"{what} refused: {error}")

    def _on_forget(self, message: String) -> None:
        if not self._active_session().forget(message.data):
            self._guard.warn("no such target", f"no such target: {message.data[:64]!r}")

    def _on_reset(self, request: Any, response: Any) -> Any:
        count = self._active_session().reset()
        response.success, response.message = (
            True,
            f"{count} {'target' if count == 1 else 'targets'} forgotten",
        )
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._active_session().set_paused(request.data)
        response.success, response.message = True, "paused" if request.data else "running"
        return response
