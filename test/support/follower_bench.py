"""The follower node with a client that plays the tracker and listens as the robot would."""

from __future__ import annotations

import threading
from array import array
from typing import Any

import geometry_msgs.msg
import rclpy
from geometry_msgs.msg import Point, TwistStamped, Vector3
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.parameter import Parameter
from siammask_ros.msg import Track, TrackArray
from support.node_bench import Client, own_domain
from support.session_bench import wait_until

from siammask_ros.ros.nodes.follower import FollowerNode
from siammask_ros.ros.runtime.process import start_executor

FOLLOWER = "/siammask_follower"
TRACKS = "/siammask_tracker/tracks"
COMMANDS = "/cmd_vel"
WAIT_S = 60.0

# So that a machine that stops for a moment does not look like a tracker that has died.
PATIENT = {"timeout_s": 5.0, "max_age_s": 5.0, "enabled": True}


def track(**changes: Any) -> Track:
    """A target that is seen four metres ahead, a little to the left."""
    fields: dict[str, Any] = {
        "id": "1",
        "state": Track.TRACKING,
        "has_bearing": True,
        "bearing": Vector3(x=-0.1, y=0.0, z=0.995),
        "has_position": True,
        "position": Point(x=-0.4, y=0.0, z=3.98),
        "position_covariance": array("d", [0.0] * 9),
    }
    return Track(**{**fields, **changes})


class TrackerPart:
    """What a tracker says and a robot hears; ``client`` is its node."""

    def __init__(self, context: Context, command_type: str = "TwistStamped") -> None:
        self.client = Client(context)
        self.client.listen(getattr(geometry_msgs.msg, command_type), COMMANDS)
        self._tracks = self.client.publisher(TrackArray, TRACKS)
        wait_until(lambda: self.client.node.count_publishers(COMMANDS) > 0, "a follower", WAIT_S)

    @property
    def commands(self) -> list[TwistStamped]:
        """Every command so far."""
        return self.client.heard[COMMANDS]

    def say(self, *tracks: Track, **header: Any) -> TrackArray:
        """Publishes tracks of an image of now; ``header`` holds other fields of the header."""
        message = TrackArray(header=self.client.header(), tracks=tracks)
        for name, value in header.items():
            setattr(message.header, name, value)
        self._tracks.publish(message)
        return message

    def until_driving(self) -> None:
        """Says that the target is seen until the robot is told to drive."""
        self.until(lambda command: command.twist.linear.x > 0.02, track())

    def until(self, wanted: Any, *tracks: Track, **header: Any) -> TwistStamped:
        """Says the same again and again until a command is as wanted; that command."""
        since = len(self.commands)

        def told() -> TwistStamped | None:
            self.say(*tracks, **header)
            return next((each for each in self.commands[since:] if wanted(each)), None)

        command = wait_until(told, "such a command", WAIT_S)
        assert isinstance(command, TwistStamped)
        return command

    def until_standing(self, *tracks: Track, **header: Any) -> None:
        """Says the same until the robot is told to stand."""
        self.until(is_zero, *tracks, **header)

    def wait_for_zero(self) -> None:
        """Waits, in silence, until the robot is told to stand."""
        since = len(self.commands)
        wait_until(lambda: any(map(is_zero, self.commands[since:])), "a zero command", WAIT_S)

    def wait_for_status(self, words: str) -> Any:
        """Waits until the diagnostics of the follower say this."""

        def told() -> Any:
            for message in reversed(self.client.heard["/diagnostics"]):
                for status in message.status:
                    if status.name.endswith("follower: following"):
                        return status if words in status.message else None
            return None

        return wait_until(told, f"diagnostics to say {words!r}", WAIT_S)

    def set_parameters(self, **values: Any) -> list[Any]:
        """What the follower answers to each."""
        messages: list[ParameterMessage] = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        request = SetParameters.Request(parameters=messages)
        service = f"{FOLLOWER}/set_parameters"
        return list(self.client.call(SetParameters, service, request, WAIT_S).results)


class FollowerBench(TrackerPart):
    """The follower in this process; use it in a with statement."""

    def __init__(self, **parameters: Any) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=own_domain())
        given = {**PATIENT, **parameters}
        self.node = FollowerNode(
            context=self.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        self._asked = threading.Event()
        self._executor, self._spinning = start_executor(self.node, self._asked)
        super().__init__(self.context, self.node.config.command_type)

    def __enter__(self) -> FollowerBench:
        return self

    def __exit__(self, *_: object) -> None:
        is_alive = self._spinning.is_alive()
        self._asked.set()
        self._executor.wake()
        self._spinning.join(5)
        self.node.destroy_node()
        self._executor.shutdown(1)
        self.client.close()
        rclpy.shutdown(context=self.context)
        assert is_alive, "the node does not spin any more"


def is_zero(command: TwistStamped) -> bool:
    twist = command.twist
    parts = (twist.linear, twist.angular)
    return not any(getattr(part, axis) for part in parts for axis in "xyz")
