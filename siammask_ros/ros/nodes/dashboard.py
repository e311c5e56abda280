"""The node `siammask_dashboard`: what a tracker sees and says, on a page in the browser.

A process of its own, with the lowest priority: it may be slow, hang or die, and no frame is lost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rclpy.node import Node

from siammask_ros.ros.dashboard.config import DashboardConfig
from siammask_ros.ros.dashboard.feed import DashboardFeed
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.log_forwarding import LogForwarding
from siammask_ros.ros.runtime.parameters import READ_ONLY, LiveParameters, built, declare
from siammask_ros.ros.runtime.process import run
from siammask_ros.web.config import WebConfig
from siammask_ros.web.server import Server

NAME = "siammask_dashboard"
# Whoever computes masks comes first.
NICENESS = 10

_CONFIGS: tuple[type[Any], ...] = (DashboardConfig, WebConfig)


class DashboardNode(ClosingNode, Node):
    """Serves the page; raises ConfigError where the parameters do not allow to."""

    def __init__(self, **node: Any) -> None:
        super().__init__(NAME, **node)
        self._guard = CallbackGuard(self.get_logger())
        self._log_forwarding = LogForwarding(self.get_logger())
        names = [item.name for config in _CONFIGS for item in fields(config)]
        for defaults in (DashboardConfig(), WebConfig()):
            declare(self, defaults, dict.fromkeys(names, READ_ONLY))
        parameters = LiveParameters(self, self._guard, names, _settings, lambda settings: None)
        source, web = parameters.settings
        self._feed = DashboardFeed(self, self._guard, source, self._show)
        self._server = Server(web, self._feed)
        self.closing.callback(self._log_forwarding.remove)
        self.closing.callback(self._server.close)
        self._server.start()
        self._log_forwarding.install()
        self.get_logger().info(f"dashboard: {', '.join(self._server.urls)}")

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._server.url

    def _show(self, shot: Any) -> None:
        self._server.show(shot)


def _settings(values: Mapping[str, Any]) -> tuple[DashboardConfig, WebConfig]:
    return built(DashboardConfig, values), built(WebConfig, values)


def _serve(node: DashboardNode, asked_to_stop: Any) -> int:
    asked_to_stop.wait()
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Serves until SIGINT or SIGTERM; the exit code."""
    os.nice(NICENESS)
    return run(DashboardNode, args, _serve)


if __name__ == "__main__":
    sys.exit(main())
