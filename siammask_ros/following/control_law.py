"""The control law: the velocity that turns and drives to the goal, and its limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.observation import Goal


@dataclass(frozen=True, slots=True)
class Velocity:
    """Forward speed (m/s) and turn rate to the left (rad/s), see REP-103."""

    linear_m_s: float = 0.0
    angular_rad_s: float = 0.0


ZERO = Velocity()


def compute_velocity(goal: Goal, config: FollowConfig) -> Velocity:
    """Return the velocity that turns the robot to the target and drives to the set distance.

    Each component is proportional to its error, but slow enough to stop at the goal with the
    allowed acceleration. The speed is multiplied by the cosine of the target's angle, and is 0 from
    90° on, so that the robot turns first. Without a distance it only turns.
    """
    angular = _compute_component(
        goal.azimuth_rad,
        config.bearing_tolerance_rad,
        config.angular_gain,
        config.angular_acceleration_rad_s2,
    )
    if goal.distance_m is None:
        return Velocity(0.0, angular)
    linear = _compute_component(
        goal.distance_m - config.distance_m,
        config.distance_tolerance_m,
        config.linear_gain,
        config.linear_acceleration_m_s2,
    )
    return Velocity(linear * max(math.cos(goal.azimuth_rad), 0.0), angular)


def limit_velocity(
    last: Velocity, target: Velocity, elapsed_s: float, config: FollowConfig
) -> Velocity:
    """Return the velocity nearest to ``target`` that is allowed ``elapsed_s`` after ``last``.

    If the limits of speed and acceleration conflict, for example after a change of parameters, the
    limit of speed has priority.
    """
    linear = _limit_change(
        last.linear_m_s, target.linear_m_s, config.linear_acceleration_m_s2 * elapsed_s
    )
    angular = _limit_change(
        last.angular_rad_s, target.angular_rad_s, config.angular_acceleration_rad_s2 * elapsed_s
    )
    return Velocity(
        min(max(linear, -config.max_reverse_m_s), config.max_linear_m_s),
        min(max(angular, -config.max_angular_rad_s), config.max_angular_rad_s),
    )


def _compute_component(error: float, tolerance: float, gain: float, acceleration: float) -> float:
    excess = max(abs(error) - tolerance, 0.0)
    return math.copysign(min(gain * excess, math.sqrt(2 * acceleration * excess)), error)


def _limit_change(last: float, target: float, max_change: float) -> float:
    return min(max(target, last - max_change), last + max_change)
