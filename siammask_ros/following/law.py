"""The control law: how fast to drive and turn towards a target, and how fast that may change."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.sighting import Aim


@dataclass(frozen=True, slots=True)
class Velocity:
    """Forwards (m/s) and to the left (rad/s), as REP-103 has it."""

    linear_m_s: float = 0.0
    angular_rad_s: float = 0.0


STANDING = Velocity()


def wanted(aim: Aim, config: FollowConfig) -> Velocity:
    """The velocity that brings the target in front of the robot and to its distance.

    Proportional to what is missing, but slow enough to come to rest there with the acceleration
    that is allowed. Towards a target at the side the robot turns first: it drives by the cosine
    of the angle, and not at all from a right angle on. Without a distance it only turns.
    """
    angular = _approach(
        aim.azimuth_rad,
        config.bearing_tolerance_rad,
        config.angular_gain,
        config.angular_acceleration_rad_s2,
    )
    if aim.distance_m is None:
        return Velocity(0.0, angular)
    linear = _approach(
        aim.distance_m - config.distance_m,
        config.distance_tolerance_m,
        config.linear_gain,
        config.linear_acceleration_m_s2,
    )
    return Velocity(linear * max(math.cos(aim.azimuth_rad), 0.0), angular)


def limited(last: Velocity, towards: Velocity, elapsed_s: float, config: FollowConfig) -> Velocity:
    """The velocity nearest to ``towards`` that the limits allow ``elapsed_s`` after the last.

    Where limits of speed and of acceleration contradict each other, as after a change of the
    settings, that of speed holds.
    """
    linear = _stepped(
        last.linear_m_s, towards.linear_m_s, config.linear_acceleration_m_s2 * elapsed_s
    )
    angular = _stepped(
        last.angular_rad_s, towards.angular_rad_s, config.angular_acceleration_rad_s2 * elapsed_s
    )
    return Velocity(
        min(max(linear, -config.max_reverse_m_s), config.max_linear_m_s),
        min(max(angular, -config.max_angular_rad_s), config.max_angular_rad_s),
    )


def _approach(error: float, tolerance: float, gain: float, acceleration: float) -> float:
    beyond = max(abs(error) - tolerance, 0.0)
    return math.copysign(min(gain * beyond, math.sqrt(2 * acceleration * beyond)), error)


def _stepped(last: float, wanted: float, most: float) -> float:
    return min(max(wanted, last - most), last + most)
