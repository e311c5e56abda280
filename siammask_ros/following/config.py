"""Parameters of the follower."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.settings import check, flag, number, text

COMMAND_TYPES = ("TwistStamped", "Twist")


@dataclass(frozen=True, slots=True)
class FollowConfig:
    """Which target to follow, speed limits, and the conditions for stopping."""

    enabled: bool = flag(
        False,
        "Drive; false: one zero command, then none. The service ~/enable sets it too",
    )
    target_id: str = text("", "Id of the target to follow; empty: the first track")
    distance_m: float = number(1.5, "Distance to keep from the target (m)", 0.1, 50.0)
    distance_tolerance_m: float = number(
        0.05, "Distance errors below this are ignored (m)", 0.0, 5.0
    )
    bearing_tolerance_rad: float = number(
        0.02, "Bearing errors below this are ignored (rad)", 0.0, 1.0
    )
    linear_gain: float = number(0.8, "Speed per metre of distance error (1/s)", 0.0, 10.0)
    angular_gain: float = number(1.5, "Turn rate per radian of bearing (1/s)", 0.0, 10.0)
    max_linear_m_s: float = number(0.5, "Maximum forward speed (m/s)", 0.0, 5.0)
    max_reverse_m_s: float = number(0.0, "Maximum reverse speed (m/s); 0: never reverse", 0.0, 5.0)
    max_angular_rad_s: float = number(1.0, "Maximum turn rate (rad/s)", 0.0, 10.0)
    linear_acceleration_m_s2: float = number(
        0.5, "Maximum acceleration, except when stopping (m/s²)", 0.01, 20.0
    )
    angular_acceleration_rad_s2: float = number(
        2.0, "Maximum angular acceleration, except when stopping (rad/s²)", 0.01, 50.0
    )
    timeout_s: float = number(
        0.5, "The robot stops after this time without usable tracks (s)", 0.05, 5.0
    )
    max_age_s: float = number(0.5, "Tracks of an older image stop the robot (s)", 0.05, 5.0)
    base_frame: str = text("base_link", "frame_id of stamped commands")
    command_type: str = text("TwistStamped", "Message type of the commands", COMMAND_TYPES)

    def __post_init__(self) -> None:
        check(self)
