"""The node `siammask_follower`: tracks in, velocity commands out.

A reference, not a safety function: what must not happen, the robot's base has to prevent.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.follower import (
    DISABLED,
    FollowState,
    after_report,
    after_silence,
    stopped,
)
from siammask_ros.following.sighting import TRACKING, Report, Sighting
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.msg import Track, TrackArray
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.compatibility import RCLError
from siammask_ros.ros.runtime.guard import CallbackGuard, describe_error, failure_response
from siammask_ros.ros.runtime.parameters import (
    READ_ONLY,
    LiveParameters,
    UnchangedParameters,
    built,
    declare,
)
from siammask_ros.ros.runtime.process import run

NAME = "siammask_follower"
TRACKS = "siammask_tracker/tracks"
WATCH_PERIOD_S = 0.05
DIAGNOSTICS_PERIOD_S = 1.0
# How long the end waits until the robot has the last zero.
ARRIVAL_S = 1.5

_COMMANDS: dict[str, Any] = {"TwistStamped": TwistStamped, "Twist": Twist}

_STATES = {
    Track.TRACKING: TRACKING,
    Track.UNCERTAIN: "UNCERTAIN",
    Track.LOST: "LOST",
    Track.STALE: "STALE",
}


class FollowerNode(ClosingNode, UnchangedParameters, Node):
    """Drives a robot after a target of the tracker's.

    Every TrackArray is answered with a command, and the dead man's switch looks at ``clock``,
    which never jumps, every ``WATCH_PERIOD_S`` of the machine's own time. ``state`` is what it
    does and why.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **node: Any) -> None:
        super().__init__(NAME, **node)
        self._seconds = clock
        self._guard = CallbackGuard(self.get_logger())
        self._acting = threading.Lock()
        self._has_ended = False
        self.state = FollowState()
        declare(self, FollowConfig(), {"command_type": READ_ONLY})
        self._own_parameters = LiveParameters(
            self,
            self._guard,
            (item.name for item in fields(FollowConfig)),
            lambda values: built(FollowConfig, values),
            self._on_new_config,
        )
        command_type = _COMMANDS[self.config.command_type]
        self._commands = self.create_publisher(command_type, "cmd_vel", qos.CONTROL)
        self.closing.callback(self.leave_standing)
        enable = self._guard.wrap(self._on_enable, failure_response, "~/enable")
        self.create_service(SetBool, "~/enable", enable)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ANSWERS)
        self._tracks = self.create_subscription(
            TrackArray,
            TRACKS,
            self._guard.wrap(self._on_tracks, self._on_failure),
            qos.CONTROL,
        )
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        watch = self._guard.wrap(self._watch, self._on_failure)
        self.create_timer(WATCH_PERIOD_S, watch, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._guard.wrap(self._report), clock=steady)
        self._log_enabled()

    @property
    def config(self) -> FollowConfig:
        """The settings that are in force."""
        config: FollowConfig = self._own_parameters.settings
        return config

    def stop(self, why: str) -> None:
        """Says zero, now."""
        self._act(lambda state: stopped(state, why, self._seconds()))

    def leave_standing(self) -> None:
        """Says zero for the last time, and waits until it has left."""
        self._act(lambda state: stopped(state, "the node ends", self._seconds()), is_last=True)
        try:
            if not self._commands.wait_for_all_acked(Duration(seconds=ARRIVAL_S)):
                self.get_logger().warning("the last command was not confirmed by the robot's base")
        except RCLError as error:  # a middleware that cannot tell
            self.get_logger().debug(f"the last command cannot be confirmed: {error}")

    def _on_tracks(self, message: TrackArray) -> None:
        report = self._heard(message)
        self._act(lambda state: after_report(state, report, self._seconds(), self.config))

    def _watch(self) -> None:
        self._act(lambda state: after_silence(state, self._seconds(), self.config))

    def _on_new_config(self, config: FollowConfig) -> None:
        self._watch()
        if config.enabled != self._was_enabled:
            self._log_enabled()

    def _on_enable(self, request: Any, response: Any) -> Any:
        change = Parameter("enabled", value=bool(request.data))
        result = self.set_parameters_atomically([change])
        response.success = result.successful
        response.message = result.reason or ("enabled" if request.data else "disabled")
        return response

    def _log_enabled(self) -> None:
        self._was_enabled = self.config.enabled
        self.get_logger().info(
            "enabled: the robot drives after the target"
            if self._was_enabled
            else f"{DISABLED}: the robot stands"
        )

    def _on_failure(self, error: Exception, *_: Any) -> None:
        self.stop(describe_error(error))

    def _act(self, decide: Callable[[FollowState], FollowState], is_last: bool = False) -> None:
        """Decides what to do and says it; nobody else does in between.

        Zero is said again and again: a base that joins late, or missed one, hears the next. Who is
        disabled has said it once and keeps quiet, so that others may drive.
        """
        with self._acting:
            if self._has_ended:
                return
            before, self.state = self.state, decide(self.state)
            is_quiet = not self.config.enabled and before.standing == DISABLED
            is_news = self.state is not before or bool(self.state.standing)
            if is_news and not is_quiet:
                self._publish(self.state)
            self._has_ended = is_last
        self._log(before, self.state)

    def _heard(self, message: TrackArray) -> Report:
        now_ns = self.get_clock().now().nanoseconds
        sightings = tuple(_sighting(track) for track in message.tracks)
        return Report(stamp_ns(message.header), now_ns, sightings)

    def _log(self, before: FollowState, state: FollowState) -> None:
        if state.standing and not before.standing:
            self._guard.warn("standing", f"standing: {state.standing}")
        elif before.standing and not state.standing:
            self.get_logger().info(f"following target {state.target_id!r}")

    def _publish(self, state: FollowState) -> None:
        twist = Twist()
        twist.linear.x = state.velocity.linear_m_s
        twist.angular.z = state.velocity.angular_rad_s
        if self.config.command_type == "Twist":
            self._commands.publish(twist)
            return
        command = TwistStamped(twist=twist)
        command.header.stamp = self.get_clock().now().to_msg()
        command.header.frame_id = self.config.base_frame
        self._commands.publish(command)

    def _report(self) -> None:
        level, sentence = _judgement(self.state)
        message = DiagnosticArray()
        message.header.stamp = self._wall.now().to_msg()
        values = {
            "linear (m/s)": f"{self.state.velocity.linear_m_s:.3f}",
            "angular (rad/s)": f"{self.state.velocity.angular_rad_s:.3f}",
            **{f"caught in {name}": str(count) for name, count in self._guard.caught.items()},
        }
        message.status = [
            DiagnosticStatus(
                level=level,
                name=f"{self.get_fully_qualified_name().lstrip('/')}: following",
                message=sentence,
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        ]
        self._diagnostics.publish(message)


def _judgement(state: FollowState) -> tuple[bytes, str]:
    """Level and sentence for the diagnostics."""
    if state.standing or state.aim is None:
        return DiagnosticStatus.WARN, f"standing: {state.standing}"
    distance_m = state.aim.distance_m
    if distance_m is None:
        return DiagnosticStatus.WARN, f"turning towards target {state.target_id!r}: no position"
    return DiagnosticStatus.OK, f"following target {state.target_id!r} at {distance_m:.2f} m"


def _sighting(track: Track) -> Sighting:
    bearing, position = track.bearing, track.position
    return Sighting(
        target_id=track.id,
        state=_STATES.get(track.state, f"in the unknown state {track.state}"),
        reason=track.reason,
        bearing=(bearing.x, bearing.y, bearing.z) if track.has_bearing else None,
        position=(position.x, position.y, position.z) if track.has_position else None,
    )


def _follow(node: FollowerNode, asked_to_stop: Any) -> int:
    asked_to_stop.wait()
    node.leave_standing()  # first of all: what follows may take its time on a busy machine
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Runs the node until SIGINT or SIGTERM; the exit code."""
    return run(FollowerNode, args, _follow)


if __name__ == "__main__":
    sys.exit(main())
