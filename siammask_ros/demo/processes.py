"""The demo's ROS 2 nodes, each a process of its own, started and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from siammask_ros.demo.plan import find_config

STOP_S = 5.0
_LAST_LINES = 6
_DOMAINS = range(20, 100)


def node_environment() -> dict[str, str]:
    """What the nodes run in: this machine only, a domain of their own, and images that arrive.

    Whatever the user has set already is kept.
    """
    profile = str(find_config("fastdds.xml"))
    own = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(_DOMAINS[os.getpid() % len(_DOMAINS)]),
        # Fast DDS 2 reads the last one only, Fast DDS 3 the first one.
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,
        "FASTRTPS_DEFAULT_PROFILES_FILE": profile,
    }
    return {**own, **os.environ}


class NodeProcess:
    """One node, run from its module with these parameters; its output goes to a file.

    A context manager: the process is gone afterwards, by SIGINT, else by SIGKILL.
    """

    def __init__(
        self,
        module: str,
        parameters: Mapping[str, Any],
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        """Starts it; ``folder`` takes MODULE.yaml with the parameters and MODULE.log."""
        self.name = module.rpartition(".")[2]
        self.log = folder / f"{self.name}.log"
        settings = folder / f"{self.name}.yaml"
        settings.write_text(
            yaml.safe_dump({"/**": {"ros__parameters": dict(parameters)}}), encoding="utf-8"
        )
        command = [sys.executable, "-m", module, "--ros-args", "--params-file", str(settings)]
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def last_lines(self) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    def stop(self) -> int:
        """Ends it; its exit code."""
        if self.is_running:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def has_logged(self, line: str) -> bool:
        """Whether this is one of the lines of its output."""
        return line in self.log.read_text(errors="replace").splitlines()

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
