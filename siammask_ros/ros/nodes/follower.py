"""The node `siammask_follower`: tracks in, velocity commands out.

It is a reference, not a safety function: the robot's base must prevent collisions.
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
    stop_state,
    update_from_tracks,
    update_without_tracks,
)
from siammask_ros.following.observation import Observation, TracksReport
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
    build_config,
    declare,
)
from siammask_ros.ros.runtime.process import run
from siammask_ros.ros.tracking_io.tracks import state_name

NAME = "siammask_follower"
TRACKS = "siammask_tracker/tracks"
WATCH_PERIOD_S = 0.05
DIAGNOSTICS_PERIOD_S = 1.0
# Maximum time to wait until the last zero command was delivered.
ARRIVAL_S = 1.5

_COMMANDS: dict[str, Any] = {"TwistStamped": TwistStamped, "Twist": Twist}


class FollowerNode(ClosingNode, UnchangedParameters, Node):
    """Drives a robot towards a target.

    Every TrackArray produces a command. A timer checks the timeout every ``WATCH_PERIOD_S`` on
    ``clock``, which is monotonic. ``state`` is the last command and its reason.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **node: Any) -> None:
        super().__init__(NAME, **node)
        self._seconds = clock
        self._guard = CallbackGuard(self.get_logger())
        self._lock = threading.Lock()
        self._is_stopped = False
        self.state = FollowState()
        declare(self, FollowConfig(), {"command_type": READ_ONLY})
        self._own_parameters = LiveParameters(
            self,
            self._guard,
            (item.name for item in fields(FollowConfig)),
            lambda values: build_config(FollowConfig, values),
            self._on_new_config,
        )
        command_type = _COMMANDS[self.config.command_type]
        self._commands = self.create_publisher(command_type, "cmd_vel", qos.CONTROL)
        self.closing.callback(self.stop_and_confirm)
        enable = self._guard.wrap(self._on_enable, failure_response, "~/enable")
        self.create_service(SetBool, "~/enable", enable, qos_profile=qos.SERVICES)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.RESULTS)
        self._tracks = self.create_subscription(
            TrackArray,
            TRACKS,
            self._guard.wrap(self._on_tracks, self._on_failure),
            qos.CONTROL,
        )
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        watch = self._guard.wrap(self._check_timeout, self._on_failure)
        self.create_timer(WATCH_PERIOD_S, watch, clock=steady)
        self.create_timer(
            DIAGNOSTICS_PERIOD_S, self._guard.wrap(self._publish_diagnostics), clock=steady
        )
        self._log_enabled()

    @property
    def config(self) -> FollowConfig:
        """The current parameters."""
        config: FollowConfig = self._own_parameters.settings
        return config

    def stop(self, why: str) -> None:
        """Send a zero command now."""
        self._update(lambda state: stop_state(state, why, self._seconds()))

    def stop_and_confirm(self) -> None:
        """Send the last zero command and wait until it was delivered."""
        self._update(
            lambda state: stop_state(state, "the node ends", self._seconds()), is_last=True
        )
        try:
            if not self._commands.wait_for_all_acked(Duration(seconds=ARRIVAL_S)):
                self.get_logger().warning(
                    "the robot's base did not confirm the last zero command; check that it stopped"
                )
        except RCLError as error:  # not supported by this middleware
            self.get_logger().debug(f"the last command cannot be confirmed: {error}")

    def _on_tracks(self, message: TrackArray) -> None:
        report = self._build_report(message)
        self._update(lambda state: update_from_tracks(state, report, self._seconds(), self.config))

    def _check_timeout(self) -> None:
        self._update(lambda state: update_without_tracks(state, self._seconds(), self.config))

    def _on_new_config(self, config: FollowConfig) -> None:
        self._check_timeout()
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
            "enabled: the robot follows the target" if self._was_enabled else DISABLED
        )

    def _on_failure(self, error: Exception, *_: Any) -> None:
        self.stop(describe_error(error))

    def _update(self, decide: Callable[[FollowState], FollowState], is_last: bool = False) -> None:
        """Compute and publish the next command, under a lock.

        Zero commands are repeated, so that a base that starts later also receives them. A disabled
        follower sends one zero command and then none, so that other nodes can drive.
        """
        with self._lock:
            if self._is_stopped:
                return
            before, self.state = self.state, decide(self.state)
            is_quiet = not self.config.enabled and before.stop_reason == DISABLED
            has_news = self.state is not before or bool(self.state.stop_reason)
            if has_news and not is_quiet:
                self._publish(self.state)
            self._is_stopped = is_last
        self._log(before, self.state)

    def _build_report(self, message: TrackArray) -> TracksReport:
        now_ns = self.get_clock().now().nanoseconds
        observations = tuple(_build_observation(track) for track in message.tracks)
        return TracksReport(stamp_ns(message.header), now_ns, observations)

    def _log(self, before: FollowState, state: FollowState) -> None:
        if state.stop_reason and not before.stop_reason:
            self._guard.warn("stopped", f"stopped: {state.stop_reason}")
        elif before.stop_reason and not state.stop_reason:
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

    def _publish_diagnostics(self) -> None:
        level, text = _build_status(self.state)
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
                message=text,
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        ]
        self._diagnostics.publish(message)


def _build_status(state: FollowState) -> tuple[bytes, str]:
    """Return level and message for the diagnostics."""
    if state.stop_reason or state.goal is None:
        return DiagnosticStatus.WARN, f"stopped: {state.stop_reason}"
    distance_m = state.goal.distance_m
    if distance_m is None:
        return (
            DiagnosticStatus.WARN,
            f"turning towards target {state.target_id!r} without driving: its position is unknown",
        )
    return DiagnosticStatus.OK, f"following target {state.target_id!r} at {distance_m:.2f} m"


def _build_observation(track: Track) -> Observation:
    bearing, position = track.bearing, track.position
    return Observation(
        target_id=track.id,
        state=state_name(track),
        reason=track.reason,
        bearing=(bearing.x, bearing.y, bearing.z) if track.has_bearing else None,
        position=(position.x, position.y, position.z) if track.has_position else None,
    )


def _follow(node: FollowerNode, stop_event: Any) -> int:
    stop_event.wait()
    node.stop_and_confirm()  # before the slower clean-up
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    return run(FollowerNode, args, _follow)


if __name__ == "__main__":
    sys.exit(main())
