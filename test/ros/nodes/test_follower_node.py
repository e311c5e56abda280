"""The follower node over real ROS 2, with nothing going wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from std_srvs.srv import SetBool
from support.follower_bench import COMMANDS, FOLLOWER, WAIT_S, FollowerBench, is_zero, track
from support.session_bench import wait_until

from siammask_ros.errors import SiamMaskError
from siammask_ros.following.config import FollowConfig

ROOT = Path(__file__).resolve().parents[3]
OK, WARN = b"\0", b"\1"


def test_a_target_is_followed_with_stamped_commands_in_the_base_frame() -> None:
    with FollowerBench(base_frame="base_footprint") as bench:
        bench.wait_for_status("stopped: no tracks yet")
        bench.until_driving()
        command = bench.until(lambda each: each.twist.angular.z > 0.02, track())
        bench.say(track())
        assert bench.wait_for_status("following target '1' at 4.00 m").level == OK
        now_s = bench.client.header().stamp.sec
    assert command.header.frame_id == "base_footprint"
    assert abs(now_s - command.header.stamp.sec) < 60
    twist = command.twist
    assert (twist.linear.y, twist.linear.z, twist.angular.x, twist.angular.y) == (0, 0, 0, 0)


def test_without_a_position_it_turns_only_and_says_so() -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        turning = bench.until(lambda each: each.twist.linear.x == 0, track(has_position=False))
        assert turning.twist.angular.z > 0
        bench.say(track(has_position=False))
        status = bench.wait_for_status("turning towards target '1' without driving")
        assert status.level == WARN


def test_a_setting_counts_from_the_next_command_on() -> None:
    with FollowerBench() as bench:
        (answer,) = bench.set_parameters(max_linear_m_s=0.05)
        assert answer.successful
        bench.until(lambda each: each.twist.linear.x == 0.05, track())
        assert max(each.twist.linear.x for each in bench.commands) == 0.05
        (answer,) = bench.set_parameters(max_linear_m_s=99.0)
        assert not answer.successful
        assert bench.node.config.max_linear_m_s == 0.05
        (answer,) = bench.set_parameters(target_id="2")
        assert answer.successful
        bench.until_standing(track())
        bench.until(lambda each: each.twist.linear.x > 0, track(), track(id="2"))


def test_disabled_it_says_zero_once_and_leaves_the_robot_to_others() -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        bench.set_parameters(enabled=False)
        bench.wait_for_status("disabled")
        wait_until(lambda: is_zero(bench.commands[-1]), "a zero command")
        count = len(bench.commands)
        for _ in range(10):
            bench.say(track())
        # Two reports later all of it has been heard.
        said = len(bench.client.heard["/diagnostics"])
        wait_until(lambda: len(bench.client.heard["/diagnostics"]) >= said + 2, "two reports", 60)
        assert len(bench.commands) == count
        bench.set_parameters(enabled=True)
        bench.until_driving()


def test_l4_it_starts_disabled_and_drives_once_the_service_enables_it() -> None:
    with FollowerBench(enabled=FollowConfig().enabled) as bench:

        def enable(data: bool) -> str:
            request = SetBool.Request(data=data)
            answer = bench.client.call(SetBool, f"{FOLLOWER}/enable", request, WAIT_S)
            assert answer.success
            return str(answer.message)

        bench.wait_for_status("disabled; call the service ~/enable")
        for _ in range(10):
            bench.say(track())
        said = len(bench.client.heard["/diagnostics"])
        wait_until(lambda: len(bench.client.heard["/diagnostics"]) >= said + 2, "two reports", 60)
        assert all(map(is_zero, bench.commands))
        assert len(bench.commands) <= 1
        assert enable(True) == "enabled"
        assert bench.node.get_parameter("enabled").value is True
        bench.until_driving()
        assert enable(False) == "disabled"
        wait_until(lambda: is_zero(bench.commands[-1]), "a zero command")


def test_a_base_that_takes_only_twist_gets_twist() -> None:
    with FollowerBench(command_type="Twist") as bench:

        def is_driving() -> bool:
            bench.say(track())
            return any(each.linear.x > 0.02 for each in list(bench.commands))

        wait_until(is_driving, "a command without a stamp", WAIT_S)
        (answer,) = bench.set_parameters(command_type="TwistStamped")
        assert not answer.successful


def test_l4_the_last_zero_has_arrived_before_the_node_goes_on_to_end() -> None:
    with FollowerBench() as bench:
        bench.until_driving()
        bench.node.stop_and_confirm()
        assert bench.node._commands.wait_for_all_acked(Duration())
        wait_until(lambda: is_zero(bench.commands[-1]), "a zero command")
        count = len(bench.commands)
        bench.say(track())
        bench.wait_for_status("stopped: the node ends")
        assert len(bench.commands) == count


def test_parameters_tell_what_they_mean_and_their_range() -> None:
    with FollowerBench() as bench:
        speed = bench.node.describe_parameter("max_linear_m_s")
        assert bench.node.resolve_topic_name("cmd_vel") == COMMANDS
    assert "Maximum forward speed" in speed.description
    (limits,) = speed.floating_point_range
    assert (limits.from_value, limits.to_value) == (0, 5)


@pytest.mark.parametrize("values", [{"max_linear_m_s": 99.0}, {"no_such_parameter": 1}])
def test_an_illegal_parameter_keeps_the_node_from_starting(values: dict[str, object]) -> None:
    with pytest.raises((SiamMaskError, ParameterException), match=next(iter(values))):
        FollowerBench(**values)


def test_the_parameter_file_holds_every_parameter_with_its_default() -> None:
    text = (ROOT / "config" / "follower.yaml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert FollowConfig(**given) == FollowConfig()
    assert given.keys() == FollowConfig.__dataclass_fields__.keys()
