"""The tracker node's process with the fake engine, and who starts it again when it has died.

launch cannot be installed from PyPI, so this does what launch/tracker.launch.py asks of it: the
same node is started again, and it configures and activates itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from siammask_ros.msg import TrackArray
from support.moving_square import square_box
from support.node_bench import NODE, Client, assert_on_square, own_domain
from support.session_bench import wait_until

PROCESS = Path(__file__).resolve().parent / "fake_tracker.py"
START_S = 120.0
RESPAWN_DELAY_S = 1.0


class SupervisedNode:
    """A node that is there again after every death, and a client beside it.

    ``script`` is that of the first process's engine; its successors' do what they should.
    """

    def __init__(self, log: Path, script: str = "ok", **parameters: Any) -> None:
        self.log = log
        self.exit_codes: list[int] = []
        self._domain_id = own_domain()
        self._parameters = [f"{name}:={value}" for name, value in parameters.items()]
        self.context = Context()
        rclpy.init(context=self.context, domain_id=self._domain_id)
        self.client = Client(self.context)
        self._closing = threading.Event()
        self.process = self._started(script)
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def __enter__(self) -> SupervisedNode:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.process.kill()
        self._watching.join()
        self.client.close()
        rclpy.shutdown(context=self.context)

    @property
    def memory_mb(self) -> float:
        """What the process has of the machine's memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    def wait_for_answer(self, index: int = 0, timeout_s: float = START_S) -> TrackArray:
        """Sends a picture until it is answered by a process that has only just come up."""
        answers = self.client.heard[f"{NODE}/tracks"]
        headers: list[Any] = []
        sent_s = 0.0

        def answer() -> TrackArray | None:
            nonlocal sent_s
            if time.monotonic() - sent_s > 0.3:
                sent_s = time.monotonic()
                headers.append(self.client.send(index))
            stamps = [header.stamp for header in headers]
            return next((each for each in list(answers) if each.header.stamp in stamps), None)

        return wait_until(answer, "an answer of the node", timeout_s)

    def follow(self, index: int = 0, target_id: str = "1") -> None:
        """Has the square followed; the box is sent until it has been heard."""

        def is_followed() -> bool:
            header = self.wait_for_answer(index).header
            self.client.send_box(square_box(index), target_id, header)
            return any(track.id == target_id for track in self.wait_for_answer(index).tracks)

        wait_until(is_followed, "the target to be followed", START_S)

    def assert_tracks(self, index: int, target_id: str = "1") -> None:
        """The next good frame is tracked: the box is on the square."""
        assert_on_square(self.wait_for_answer(index), index, target_id)

    def _started(self, script: str) -> subprocess.Popen[bytes]:
        given = [*self._parameters, "autostart:=true"]
        words = [word for parameter in given for word in ("-p", parameter)]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, PROCESS, script, "--ros-args", *words],
                env={**os.environ, "ROS_DOMAIN_ID": str(self._domain_id)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _watch(self) -> None:
        while True:
            self.exit_codes.append(self.process.wait())
            if self._closing.wait(RESPAWN_DELAY_S):
                return
            self.process = self._started("ok")
