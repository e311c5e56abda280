"""Target and time of a set of tracks, and whether the robot may move on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from siammask_ros.following.clocks import clock_misfit
from siammask_ros.following.config import FollowConfig

TRACKING = "TRACKING"

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Observation:
    """One track: state and reason as text, bearing and position in the camera's optical frame.

    The optical frame has x right, y down, z forward. ``bearing`` points to the target, ``position``
    is in metres; None if unknown.
    """

    target_id: str
    state: str = TRACKING
    reason: str = ""
    bearing: Vector | None = None
    position: Vector | None = None


@dataclass(frozen=True, slots=True)
class TracksReport:
    """All tracks of the image of ``stamp_ns``, received at ``now_ns`` of the same clock."""

    stamp_ns: int
    now_ns: int
    observations: tuple[Observation, ...]

    @property
    def age_s(self) -> float:
        """Age of the image (s); negative if its stamp is in the future."""
        return (self.now_ns - self.stamp_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Goal:
    """The target's angle, positive to the left, and its distance if known."""

    azimuth_rad: float
    distance_m: float | None


def find_target(observations: Sequence[Observation], target_id: str) -> Observation | None:
    """Return the target with this id, or the first one for an empty id, or None."""
    return next((each for each in observations if target_id in ("", each.target_id)), None)


def check_observation(observation: Observation | None, config: FollowConfig) -> str:
    """Return why the robot must not move on this observation, or ""."""
    if observation is None:
        return f"no target {config.target_id!r}" if config.target_id else "no target"
    name = f"target {observation.target_id!r}"
    if observation.state != TRACKING:
        return f"{name} is {observation.state}" + (
            f": {observation.reason}" if observation.reason else ""
        )
    if observation.bearing is None:
        return f"{name} has no bearing; the tracker must receive camera_info"
    for what, vector in (("bearing", observation.bearing), ("position", observation.position)):
        if vector is not None and not _is_direction(vector):
            return f"{what} of {name} is {vector}; expected finite numbers, not all zero"
    return ""


def check_time(report: TracksReport, config: FollowConfig) -> str:
    """Return why the robot must not move on tracks of this time, or ""."""
    if not report.stamp_ns:
        return "tracks have no stamp, so their age is unknown; set header.stamp of the images"
    if misfit := clock_misfit(report.age_s):
        return misfit
    if report.age_s > config.max_age_s:
        return (
            f"tracks are {report.age_s:.2f} s old; expected at most {config.max_age_s:g} s "
            "(max_age_s)"
        )
    if report.age_s < -config.max_age_s:
        return (
            f"tracks are {-report.age_s:.2f} s ahead of the clock; check the time synchronisation"
        )
    return ""


def compute_goal(observation: Observation) -> Goal:
    """Return angle and distance of an observation that passed ``check_observation``."""
    assert observation.bearing is not None
    x, _, z = observation.bearing
    distance_m = math.hypot(*observation.position) if observation.position is not None else None
    return Goal(math.atan2(-x, z), distance_m)


def _is_direction(vector: Vector) -> bool:
    length = math.hypot(*vector)
    return math.isfinite(length) and length > 0
