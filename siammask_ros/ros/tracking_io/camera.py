"""Subscribes to the camera images and submits them to the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from siammask_ros.following.clocks import clock_misfit
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.image_messages import (
    RefusedImage,
    stamp_ns,
)
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.compatibility import (
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
    subscription_callback,
)
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.tracking_io.diagnostics import ImageTopic
from siammask_ros.ros.tracking_io.image_transports import TRANSPORTS, image_topic
from siammask_ros.ros.tracking_io.lost_images import LostImages
from siammask_ros.ros.tracking_io.mixed_images import MixedImages
from siammask_ros.session import Frame, Session


class Camera:
    """Subscribes to the images until closed, converts them and submits them to ``session``.

    ``config`` returns the current parameters.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        transport: str,
        session: Session,
        config: Callable[[], NodeConfig],
    ) -> None:
        kind, self._convert = TRANSPORTS[transport]
        topic = image_topic(node, transport)
        self._node = node
        self._guard = guard
        self._session = session
        self._config = config
        self._stretch = ContrastStretch()
        self._mixed = MixedImages()
        self._clock_misfit = ""
        self.lost = LostImages()
        events = SubscriptionEventCallbacks(message_lost=guard.wrap(self._on_lost))
        try:
            self._subscription = self._subscribe(kind, topic, events)
        except UnsupportedEventTypeError:
            self._subscription = self._subscribe(kind, topic, None)

    def _subscribe(
        self, kind: Any, topic: str, events: SubscriptionEventCallbacks | None
    ) -> Subscription:
        return self._node.create_subscription(
            kind,
            topic,
            subscription_callback(self._guard.wrap(self._on_image)),
            # rclpy changes the profile that it is given.
            copy(qos.CAMERA),
            callback_group=MutuallyExclusiveCallbackGroup(),
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    @property
    def topic(self) -> str:
        """The full name of the topic."""
        return str(self._subscription.topic_name)

    def describe(self) -> ImageTopic:
        """Return what is wrong with the topic and its images, and what to do."""
        remarks = (self._publishers_remark(), self._clock_misfit, self.lost.remark())
        said = tuple(remark for remark in remarks if remark)
        return ImageTopic(self.topic, self._describe_qos_mismatch(), said, self.lost.total)

    def _publishers_remark(self) -> str:
        """Return a warning if images of several cameras are mixed; log it, throttled."""
        remark = self._mixed.remark(self._node.count_publishers(self.topic), self.topic)
        if remark:
            self._guard.warn("several publishers", remark)
        return remark

    def _describe_qos_mismatch(self) -> str:
        """Return why a publisher cannot be received and what to do, or an empty text."""
        wanted = self._subscription.qos_profile
        for publisher in self._node.get_publishers_info_by_topic(self.topic):
            fits, why = qos_check_compatible(publisher.qos_profile, wanted)
            if fits == QoSCompatibility.ERROR:
                policies = why.replace("ERROR: ", "").strip(" ;")
                return (
                    f"{policies} (node {publisher.node_name}); "
                    f"change the parameters qos_overrides.{self.topic}.subscription"
                )
        return ""

    def close(self) -> None:
        """Destroy the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _on_lost(self, lost: Any) -> None:
        self.lost.add_lost(lost.total_count_change)
        if remark := self.lost.remark():
            self._guard.warn("images lost", f"{self.topic}: {remark}")

    def _on_image(self, message: Any, info: Any) -> None:
        session, arrived_s = self._session, time.monotonic()
        self._mixed.add(info.get("publication_sequence_number", 0))
        self.lost.add_arrived(len(message.data))
        now_ns = self._node.get_clock().now().nanoseconds
        try:
            taken_ns = stamp_ns(message.header)
            pixels = self._convert(message, self._config().max_image_side, self._stretch)
        except RefusedImage as error:
            session.count_refused_frame(error.kind, str(error))
            self._guard.warn(f"image refused: {error.kind}", f"image refused: {error}")
            return
        age_s = (now_ns - taken_ns) / 1e9 if taken_ns else 0.0
        self._clock_misfit = clock_misfit(age_s)
        if self._clock_misfit:
            self._guard.warn("another clock", f"{self.topic}: {self._clock_misfit}")
        session.submit(
            Frame(
                image=pixels,
                stamp_ns=taken_ns,
                arrived_s=arrived_s,
                frame_id=message.header.frame_id,
                # The stamp is from another clock: the age is unknown, as without a stamp.
                transport_ms=0.0 if self._clock_misfit else age_s * 1e3,
                convert_ms=(time.monotonic() - arrived_s) * 1e3,
                has_other_clock=bool(self._clock_misfit),
            )
        )
