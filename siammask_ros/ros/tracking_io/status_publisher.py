"""Publishes the node's diagnostics, and STALE targets once images stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.tracking_io.diagnostics import NodeHealth, build_diagnostics
from siammask_ros.session import FrameResult, Health, Session

PERIOD_S = 0.1
DIAGNOSTICS_PERIOD_S = 1.0


class StatusPublisher:
    """Publishes `/diagnostics` every second, and all targets as STALE once images stop.

    Both use the steady clock: they continue if the simulation clock stops. ``session`` returns the
    active session or None, ``build_health`` the health of the node, and ``publish_stale`` publishes
    a result.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        session: Callable[[], Session | None],
        build_health: Callable[[Health | None], NodeHealth],
        publish_stale: Callable[[FrameResult], None],
    ) -> None:
        self._session = session
        self._build_health = build_health
        self._publish_stale = publish_stale
        self._stale_published_s = 0.0
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        self.publisher = node.create_publisher(DiagnosticArray, "/diagnostics", qos.RESULTS)
        for period_s, callback in (
            (DIAGNOSTICS_PERIOD_S, self.report),
            (PERIOD_S, self._watch),
        ):
            node.create_timer(
                period_s,
                guard.wrap(callback),
                callback_group=MutuallyExclusiveCallbackGroup(),
                clock=Clock(clock_type=ClockType.STEADY_TIME),
            )

    def report(self) -> None:
        """Publish the diagnostics now."""
        session = self._session()
        health = session.health() if session is not None else None
        node_health = self._build_health(health)
        self.publisher.publish(build_diagnostics(self._wall.now().to_msg(), node_health, health))

    def _watch(self) -> None:
        """Publish STALE targets when images stop, and every second for late subscribers."""
        session = self._session()
        stale = session.build_stale_result() if session is not None else None
        now_s = time.monotonic()
        if stale is None:
            self._stale_published_s = 0.0
        elif now_s - self._stale_published_s >= 1.0:
            self._stale_published_s = now_s
            self._publish_stale(stale)
