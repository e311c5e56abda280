"""Player, tracker and dashboard as real processes, as a robot would run them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.node_bench import own_domain
from support.session_bench import wait_until

from siammask_ros.demo.dashboard import ADDRESS
from siammask_ros.demo.processes import NodeProcess, node_environment

ROS = "siammask_ros.ros.nodes."
START_S = 120.0


@dataclass
class Nodes:
    """The processes; ``folder`` holds their logs."""

    environment: Mapping[str, str]
    folder: Path
    player: NodeProcess
    tracker: NodeProcess
    dashboard: NodeProcess | None = None

    def start_dashboard(self, **parameters: Any) -> str:
        """Starts it, anew where there was one; where its page is."""
        if self.dashboard is not None:
            self.dashboard.stop()
        values = {"port": 0, **parameters}
        node = NodeProcess(f"{ROS}dashboard", values, self.environment, self.folder)
        self.dashboard = node

        def address() -> str:
            assert node.is_running, node.last_lines
            return node.log.read_text().partition(ADDRESS)[2].partition("\n")[0]

        return str(wait_until(address, "the dashboard's address", START_S)).strip()

    def stop(self) -> None:
        for node in (self.dashboard, self.player, self.tracker):
            if node is not None:
                node.process.send_signal(signal.SIGCONT)
                node.stop()


@contextmanager
def running_nodes(
    folder: Path,
    source: Path,
    tracker: str = f"{ROS}tracker",
    player: Mapping[str, Any] | None = None,
    **parameters: Any,
) -> Iterator[Nodes]:
    """A player of ``source`` that plays for ever, and a tracker with these parameters."""
    domain = {"ROS_DOMAIN_ID": str(own_domain())}
    test = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([test, os.environ.get("PYTHONPATH", "")])
    environment = {**node_environment(), **domain, "PYTHONPATH": path}
    playing = {"source": str(source), "loop": True, "preload": True, **(player or {})}
    settings = {"autostart": True, "history_s": 5.0, **parameters}
    nodes = Nodes(
        environment,
        folder,
        NodeProcess(f"{ROS}player", playing, environment, folder),
        NodeProcess(tracker, settings, environment, folder),
    )
    try:
        yield nodes
    finally:
        nodes.stop()
