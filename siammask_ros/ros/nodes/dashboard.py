"""The node `siammask_dashboard`: shows a tracker's images and results in the browser.

It is a separate process with low priority: if it is slow or dies, the tracker loses no frame.
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
from siammask_ros.ros.runtime.parameters import READ_ONLY, LiveParameters, build_config, declare
from siammask_ros.ros.runtime.process import run
from siammask_ros.web.config import WebConfig
from siammask_ros.web.server import Server

NAME = "siammask_dashboard"
# The tracker has priority.
NICENESS = 10

_CONFIGS: tuple[type[Any], ...] = (DashboardConfig, WebConfig)


class DashboardNode(ClosingNode, Node):
    """Serves the page; raises ConfigError if the parameters do not allow it."""

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
        """The page's URL."""
        return self._server.url

    def _show(self, frame: Any) -> None:
        self._server.show(frame)


def _settings(values: Mapping[str, Any]) -> tuple[DashboardConfig, WebConfig]:
    return build_config(DashboardConfig, values), build_config(WebConfig, values)


def _serve(node: DashboardNode, stop_event: Any) -> int:
    stop_event.wait()
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    os.nice(NICENESS)
    return run(DashboardNode, args, _serve)


if __name__ == "__main__":
    sys.exit(main())
