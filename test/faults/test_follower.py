"""What goes wrong before or in the follower makes the robot stand, and the next tracks count."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from rclpy.context import Context
from siammask_ros.msg import Track
from support.follower_bench import (
    COMMANDS,
    FollowerBench,
    TrackerPart,
    is_zero,
    track,
)
from support.session_bench import wait_until

from siammask_ros.ros.nodes import follower as follower_module
from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION

START_S = 60.0
PATIENT = ("-p", "enabled:=true", "-p", "timeout_s:=5.0", "-p", "max_age_s:=5.0")
FOLLOWER = (sys.executable, "-m", "siammask_ros.ros.nodes.follower", "--ros-args")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"state": Track.UNCERTAIN}, "'1' is UNCERTAIN", id="uncertain"),
        pytest.param({"state": Track.LOST, "reason": "gone"}, "'1' is LOST: gone", id="lost"),
        pytest.param({"state": Track.STALE}, "'1' is STALE", id="stale"),
        pytest.param({"state": 99}, "unknown state 99", id="unknown-state"),
        pytest.param({"has_bearing": False}, "no bearing", id="no-bearing"),
        pytest.param({"bearing": Vector3(x=math.nan, z=1.0)}, "bearing of", id="nan-bearing"),
        pytest.param({"bearing": Vector3()}, "bearing of", id="zero-bearing"),
        pytest.param({"position": Point(z=math.inf)}, "position of", id="infinite-position"),
    ],
)
def test_tracks_that_are_no_reason_to_move_stop_the_robot(
    changes: dict[str, object], words: str
) -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        bench.until_standing(track(**changes))
        bench.say(track(**changes))
        bench.wait_for_status(words)
        bench.until_driving()
        assert not bench.node._guard.caught


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        pytest.param(Time(sec=1), "years; check use_sim_time", id="of-long-ago"),
        pytest.param(Time(sec=2**31 - 1), "years; check use_sim_time", id="of-the-future"),
        pytest.param(Time(), "no stamp", id="without-stamp"),
    ],
)
def test_e8_tracks_of_another_time_stop_the_robot(stamp: Time, words: str) -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        bench.until_standing(track(), stamp=stamp)
        bench.say(track(), stamp=stamp)
        bench.wait_for_status(words)
        bench.until_driving()


def test_no_target_any_more_stops_the_robot() -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        bench.until_standing()
        bench.until_driving()


def test_a_silent_tracker_stops_the_robot_and_it_goes_on_standing() -> None:
    with FollowerBench(timeout_s=0.3) as bench:
        bench.until_driving()
        bench.wait_for_zero()
        count = len(bench.commands)
        bench.wait_for_status("no usable tracks for")
        wait_until(lambda: len(bench.commands) >= count + 10, "ten commands more", START_S)
        assert all(map(is_zero, bench.commands[count:]))
        bench.until_driving()


@pytest.mark.parametrize(
    ("name", "counted"),
    [("update_from_tracks", "on_tracks"), ("update_without_tracks", "check_timeout")],
)
def test_h6_an_exception_in_the_follower_stops_the_robot(
    name: str, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("injected")

    with FollowerBench() as bench:
        bench.until_driving()
        with monkeypatch.context() as patch:
            patch.setattr(follower_module, name, broken)
            bench.until_standing(track())
            wait_until(lambda: bench.node._guard.caught[counted] > 0, "it to be counted")
            bench.wait_for_status("RuntimeError: injected")
        bench.until_driving()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_g7_l4_a_process_that_is_asked_to_end_leaves_the_robot_standing(
    number: signal.Signals, tmp_path: Path
) -> None:
    context = Context()
    rclpy.init(context=context)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*FOLLOWER, *PATIENT],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    robot: TrackerPart | None = None
    try:
        robot = TrackerPart(context)
        robot.until_driving()
        process.send_signal(number)
        assert process.wait(20) == 0, log.read_text()
        wait_until(lambda: is_zero(robot.commands[-1]), "a last command of zero", START_S)
        wait_until(
            lambda: robot.client.node.count_publishers(COMMANDS) == 0, "the end of it", START_S
        )
        assert is_zero(robot.commands[-1])
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()
        if robot is not None:
            robot.client.close()
        rclpy.shutdown(context=context)


def test_g2_an_illegal_parameter_at_the_start_is_said_in_one_line() -> None:
    done = subprocess.run(
        [*FOLLOWER, "-p", "no_such_parameter:=1"],
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    assert done.returncode == EXIT_CONFIGURATION
    assert "unknown parameters: no_such_parameter" in done.stderr
    assert "Traceback" not in done.stderr
