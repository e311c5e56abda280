"""Settings of the follower."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.settings import check, flag, number, text

COMMAND_TYPES = ("TwistStamped", "Twist")


@dataclass(frozen=True, slots=True)
class FollowConfig:
    """Whom to follow, how near, how fast at most, and what makes the robot stand."""

    enabled: bool = flag(
        False,
        "Drive; false: one zero command, then none at all. The service ~/enable sets it, too",
    )
    target_id: str = text("", "Target to follow; empty: the first one among the tracks")
    distance_m: float = number(1.5, "Distance to keep from the target", 0.1, 50.0)
    distance_tolerance_m: float = number(
        0.05, "A distance that is off by less is good enough", 0.0, 5.0
    )
    bearing_tolerance_rad: float = number(
        0.02, "A bearing that is off by less is good enough", 0.0, 1.0
    )
    linear_gain: float = number(0.8, "Speed for every metre that is too much (1/s)", 0.0, 10.0)
    angular_gain: float = number(1.5, "Turning for every radian of bearing (1/s)", 0.0, 10.0)
    max_linear_m_s: float = number(0.5, "Never faster forwards", 0.0, 5.0)
    max_reverse_m_s: float = number(
        0.0, "Never faster backwards; 0: no driving where the camera does not look", 0.0, 5.0
    )
    max_angular_rad_s: float = number(1.0, "Never turning faster", 0.0, 10.0)
    linear_acceleration_m_s2: float = number(
        0.5, "The speed changes no faster, but for a stop", 0.01, 20.0
    )
    angular_acceleration_rad_s2: float = number(
        2.0, "The turning changes no faster, but for a stop", 0.01, 50.0
    )
    timeout_s: float = number(
        0.5, "Without usable tracks for this long the robot stands", 0.05, 5.0
    )
    max_age_s: float = number(
        0.5, "Tracks of an image that is older than this are not driven on", 0.05, 5.0
    )
    base_frame: str = text("base_link", "frame_id of the commands, where they are stamped")
    command_type: str = text("TwistStamped", "Message type of the commands", COMMAND_TYPES)

    def __post_init__(self) -> None:
        check(self)
