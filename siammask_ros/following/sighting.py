"""What the tracks of one image say of the target, and whether it is enough to drive on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from siammask_ros.following.clocks import clock_misfit
from siammask_ros.following.config import FollowConfig

TRACKING = "TRACKING"

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One track: state and reason in words; where the target is, in the camera's optical frame.

    The frame has x to the right, y down, z forward. ``bearing`` points at the target, ``position``
    (m) is where it is; None where that is not known.
    """

    target_id: str
    state: str = TRACKING
    reason: str = ""
    bearing: Vector | None = None
    position: Vector | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All tracks of the image of ``stamp_ns``, as they arrive at ``now_ns`` of the same clock."""

    stamp_ns: int
    now_ns: int
    sightings: tuple[Sighting, ...]

    @property
    def age_s(self) -> float:
        """Seconds since the image; negative where it is of the future."""
        return (self.now_ns - self.stamp_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Aim:
    """Where to go: the target's angle to the left of straight ahead, and its distance if known."""

    azimuth_rad: float
    distance_m: float | None


def chosen(sightings: Sequence[Sighting], target_id: str) -> Sighting | None:
    """The target of this id, or with an empty one the first; None where it is not there."""
    return next((each for each in sightings if target_id in ("", each.target_id)), None)


def refusal(sighting: Sighting | None, config: FollowConfig) -> str:
    """Why a robot must not move on what was seen of its target, or nothing."""
    if sighting is None:
        return f"no target {config.target_id!r}" if config.target_id else "no target"
    name = f"target {sighting.target_id!r}"
    if sighting.state != TRACKING:
        return f"{name} is {sighting.state}" + (f": {sighting.reason}" if sighting.reason else "")
    if sighting.bearing is None:
        return f"{name} has no bearing; expected a tracker that gets camera_info"
    for what, vector in (("bearing", sighting.bearing), ("position", sighting.position)):
        if vector is not None and not _is_direction(vector):
            return f"{what} of {name} is {vector}; expected finite numbers that are not all zero"
    return ""


def refusal_of_time(report: Report, config: FollowConfig) -> str:
    """Why a robot must not move on tracks of this time, or nothing."""
    if not report.stamp_ns:
        return "tracks have no stamp, so their age cannot be told"
    if misfit := clock_misfit(report.age_s):
        return misfit
    if report.age_s > config.max_age_s:
        return (
            f"tracks are of {report.age_s:.2f} s ago; expected at most {config.max_age_s:g} s "
            "(max_age_s)"
        )
    if report.age_s < -config.max_age_s:
        return f"tracks are {-report.age_s:.2f} s ahead of the clock; expected the same clock"
    return ""


def aim_at(sighting: Sighting) -> Aim:
    """Where a target is that ``refusal`` has nothing against."""
    assert sighting.bearing is not None
    x, _, z = sighting.bearing
    distance_m = math.hypot(*sighting.position) if sighting.position is not None else None
    return Aim(math.atan2(-x, z), distance_m)


def _is_direction(vector: Vector) -> bool:
    length = math.hypot(*vector)
    return math.isfinite(length) and length > 0
