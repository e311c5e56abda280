"""Rows H7 and H8: trackers that are killed in larger launch files, with the real `ros2 launch`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from support.launch_bench import START_S, TRACKER_LAUNCH, Launched, Robot, is_tracking, needs_launch
from support.node_bench import Client, own_domain
from support.session_bench import wait_until

from siammask_ros.ros.tracking_io.diagnostics import RESTARTED

IMPORTS = f"""
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace, SetParameter

def tracker(**arguments):
    source = PythonLaunchDescriptionSource({str(TRACKER_LAUNCH)!r})
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())
"""
GROUP = """
def generate_launch_description():
    return LaunchDescription([
        GroupAction([
            PushRosNamespace("robot"),
            SetParameter("lost_after_frames", 7),
            tracker(),
        ])
    ])
"""
TWO_ROBOTS = """
def generate_launch_description():
    return LaunchDescription([
        tracker(namespace=name, follower="true", follower_params_file="follower.yaml")
        for name in ("front", "rear")
    ])
"""
# Patient: a machine that stops for a moment must not look like a tracker that has died.
FOLLOWER = """
/**:
  ros__parameters:
    enabled: true
    timeout_s: 5.0
    max_age_s: 5.0
"""


@pytest.fixture
def client() -> Iterator[Client]:
    context = Context()
    rclpy.init(context=context, domain_id=own_domain())
    client = Client(context)
    yield client
    client.close()
    rclpy.shutdown(context=context)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where launch runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def launched(folder: Path, client: Client, description: str) -> Launched:
    path = folder / "robots.launch.py"
    path.write_text(IMPORTS + dedent(description))
    return Launched(folder / "log", client.node.context.get_domain_id(), path)


@needs_launch
def test_h7_a_tracker_killed_in_a_group_comes_back_as_the_same_node(
    client: Client, folder: Path
) -> None:
    robot = Robot(client, "robot")
    with launched(folder, client, GROUP) as launch:
        robot.follow()
        assert RESTARTED not in launch.output
        os.kill(launch.pids("tracker_node-1")[-1], signal.SIGKILL)
        wait_until(lambda: len(launch.pids("tracker_node-1")) == 2, "a successor", START_S)
        wait_until(lambda: RESTARTED in launch.output, "it to know what it is", START_S)
        robot.tracks.clear()
        wait_until(lambda: robot.is_answered(0), "an answer of the successor", START_S)
        assert not robot.tracks[0].tracks, "an old box must not be followed again"
        robot.follow()
        request = GetParameters.Request(names=["lost_after_frames"])
        answer = client.call(GetParameters, f"{robot.node_name}/get_parameters", request)
        assert answer.values[0].integer_value == 7
        assert launch.process.poll() is None
        assert launch.interrupt() == 0, launch.output


@needs_launch
def test_h8_one_of_two_trackers_is_killed_and_the_other_robot_notices_nothing(
    client: Client, folder: Path
) -> None:
    (folder / "follower.yaml").write_text(FOLLOWER)
    front, rear = Robot(client, "front"), Robot(client, "rear")
    with launched(folder, client, TWO_ROBOTS) as launch:
        front.follow()
        rear.follow()
        wait_until(lambda: rear.is_driving(), "the rear robot to drive", START_S)
        rear.tracks.clear()
        rear.commands.clear()
        os.kill(launch.pids("tracker_node-1")[-1], signal.SIGKILL)
        front.tracks.clear()

        def is_back() -> bool:
            rear.send()
            return front.is_answered(0) and RESTARTED in launch.output

        wait_until(is_back, "the front tracker to come back", START_S)
        answered = len(rear.tracks) + 10
        wait_until(lambda: rear.is_answered(answered), "ten answers more", START_S)
        assert all(is_tracking(answer) for answer in rear.tracks)
        assert all(command.twist.angular.z for command in rear.commands)
        names = client.node.get_node_names_and_namespaces()
        assert names.count(("siammask_tracker", "/rear")) == 1
        assert len(launch.pids("tracker_node-1")) == 2
        front.follow()
        assert launch.interrupt() == 0, launch.output
