"""A topic beside the camera image, whose messages may be refused or not fit the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard


class SensorTopic:
    """Subscribes to ``topic`` until closed; ``what`` names its message, ``lacking`` what it gives.

    A subclass sets ``_known`` while it has a usable message, and the reasons why it has none.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        what: str,
        lacking: str,
    ) -> None:
        self._node = node
        self._guard = guard
        self._what = what
        self._lacking = lacking
        self._known: Any = None
        self._refusal = ""
        self._mismatch = ""
        self._subscription = node.create_subscription(
            kind,
            topic,
            guard.wrap(callback, interface=topic),
            qos.CAMERA,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    @property
    def refusal(self) -> str:
        """Why the last message cannot be used, or an empty text."""
        return self._refusal or self._mismatch

    @property
    def state(self) -> str:
        """Which messages are used, in words."""
        if self.refusal:
            return f"none: {self.refusal}"
        topic = self._subscription.topic_name
        return f"from {topic}" if self._known else f"none: no {self._what} on {topic}"

    def close(self) -> None:
        """Destroy the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _fits(self, mismatch: str) -> bool:
        """Remember why the message does not fit an image, or that it does; log it, throttled."""
        self._mismatch = mismatch
        if mismatch:
            self._guard.warn(f"no {self._lacking}", f"no {self._lacking}: {mismatch}")
        return not mismatch

    def _refuse(self, reason: object) -> None:
        """Forget what is known; log why the message is refused, throttled."""
        self._known, self._mismatch = None, ""
        self._refusal = f"{self._what} refused: {reason}"
        self._guard.warn(f"{self._what} refused", self._refusal)
