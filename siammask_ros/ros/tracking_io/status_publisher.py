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
from siammask_ros.ros.tracking_io.diagnostics import NodeHealth, diagnostics
from siammask_ros.session import FrameResult, Health, Session

PERIOD_S = 0.1
DIAGNOSTICS_PERIOD_S = 1.0


class StatusPublisher:
    """Publishes `/diagnostics` every second, and all targets as STALE once images stop.

    Both on the machine's own time: a simulation that stands still must not silence them.
    ``session`` gives the active session or None, ``about`` how the node is beside the health of
    its session, and ``say_stale`` publishes a result.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        session: Callable[[], Session | None],
        about: Callable[[Health | None], NodeHealth],
        say_stale: Callable[[FrameResult], None],
    ) -> None:
        self._session = session
        self._about = about
        self._say_stale = say_stale
        self._stale_said_s = 0.0
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        self.publisher = node.create_publisher(DiagnosticArray, "/diagnostics", qos.ANSWERS)
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
        about = self._about(health)
        self.publisher.publish(diagnostics(self._wall.now().to_msg(), about, health))

    def _watch(self) -> None:
        """Says STALE once images stop, and again every second for those who join later."""
        session = self._session()
        stale = session.build_stale_result() if session is not None else None
        now_s = time.monotonic()
        if stale is None:
            self._stale_said_s = 0.0
        elif now_s - self._stale_said_s >= 1.0:
            self._stale_said_s = now_s
            self._say_stale(stale)
