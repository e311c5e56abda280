"""`ros2 launch` as a process, and robots that are told apart by their namespace."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from siammask_ros.msg import Track, TrackArray
from support.calibrated_camera import camera_info
from support.moving_square import picture, square_box
from support.node_bench import Client, box_message
from support.session_bench import wait_until
from vision_msgs.msg import Detection2D

from siammask_ros.ros.tracking_io.messages import build_image

ROOT = Path(__file__).resolve().parents[2]
TRACKER_LAUNCH = ROOT / "launch" / "tracker.launch.py"
START_S = 180.0
PERIOD_S = 0.1


def has_ros_launch() -> bool:
    """Whether ROS 2's launch is there; PyPI's package of this name is another one."""
    names = ("launch.launch_description", "launch_ros", "ros2launch")
    try:
        found = all(importlib.util.find_spec(name) is not None for name in names)
        return found and shutil.which("ros2") is not None
    except ImportError:
        return False


needs_launch = pytest.mark.skipif(
    not has_ros_launch(), reason="ROS 2's launch is not installed: PyPI does not have it"
)


class Launched:
    """A launch file that runs; use it in a with statement."""

    def __init__(self, log: Path, domain_id: int, path: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["ros2", "launch", path, *arguments],
                env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def __enter__(self) -> Launched:
        return self

    def __exit__(self, *_: object) -> None:
        # Its nodes, too: they would outlive a launch that was killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def output(self) -> str:
        """All that launch and its nodes have written."""
        return self._log.read_text(errors="replace")

    def pids(self, name: str) -> list[int]:
        """The processes that were started under launch's name for a node, the newest last."""
        found = re.findall(
            rf"\[{re.escape(name)}\]: process started with pid \[(\d+)\]", self.output
        )
        return [int(pid) for pid in found]

    def interrupt(self) -> int:
        """Ctrl-C, which a terminal sends to launch and its nodes; launch's exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


class Robot:
    """The camera, the person who chooses a target, and the base of one robot."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.node_name = f"/{namespace}/siammask_tracker"
        self.tracks: list[TrackArray] = []
        self.commands: list[TwistStamped] = []
        self._client = client
        node = client.node
        node.create_subscription(TrackArray, f"{self.node_name}/tracks", self.tracks.append, 10)
        node.create_subscription(TwistStamped, f"/{namespace}/cmd_vel", self.commands.append, 10)
        create = node.create_publisher
        self._images = create(Image, f"/{namespace}/image", qos_profile_sensor_data)
        self._info = create(CameraInfo, f"/{namespace}/camera_info", qos_profile_sensor_data)
        self._boxes = create(Detection2D, f"{self.node_name}/init_box", 10)
        self._sent_s = 0.0

    def send(self) -> None:
        """Publishes the same image again, as a camera with ten images a second would."""
        if time.monotonic() - self._sent_s > PERIOD_S:
            self._sent_s = time.monotonic()
            header = self._client.header()
            self._info.publish(camera_info(header=header))
            self._images.publish(build_image(header, picture(0)))

    def is_answered(self, since: int) -> bool:
        """Sends an image; whether an answer has come after the first ``since``."""
        self.send()
        return len(self.tracks) > since

    def is_driving(self) -> bool:
        """Sends an image; whether the last command was not zero."""
        self.send()
        return bool(self.commands) and self.commands[-1].twist.angular.z != 0.0

    def follow(self) -> None:
        """Has the square followed; the box is sent until it is tracked."""
        sent_s = 0.0

        def is_tracked() -> bool:
            nonlocal sent_s
            self.send()
            if time.monotonic() - sent_s > 1.0:
                sent_s = time.monotonic()
                self._boxes.publish(box_message(square_box(0), "1"))
            return bool(self.tracks) and is_tracking(self.tracks[-1])

        wait_until(is_tracked, f"{self.node_name} to track", START_S)


def is_tracking(answer: TrackArray) -> bool:
    return [(track.id, track.state) for track in answer.tracks] == [("1", Track.TRACKING)]
