"""The follower: from one report or silence to the next velocity. Its state is a value.

It moves only on a fresh image in which its target is TRACKING; on anything else it stands at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.law import STANDING, Velocity, limited, wanted
from siammask_ros.following.sighting import (
    Aim,
    Report,
    aim_at,
    chosen,
    refusal,
    refusal_of_time,
)

DISABLED = "disabled until the service ~/enable or the parameter enabled says otherwise"
NO_TRACKS = "no tracks yet"


@dataclass(frozen=True, slots=True)
class FollowState:
    """The velocity that is commanded, and why it is zero: ``standing`` is empty while following.

    ``commanded_s`` is when that was decided and ``heard_s`` when tracks last counted, on a clock
    that never jumps; ``stamp_ns`` is the newest image whose tracks counted. ``aim`` is where the
    target was on it.
    """

    velocity: Velocity = STANDING
    standing: str = NO_TRACKS
    aim: Aim | None = None
    target_id: str = ""
    commanded_s: float | None = None
    heard_s: float | None = None
    stamp_ns: int = 0


def stopped(state: FollowState, why: str, now_s: float) -> FollowState:
    """At rest from now on, without a ramp."""
    return replace(state, velocity=STANDING, standing=why, aim=None, commanded_s=now_s)


def after_report(
    state: FollowState, report: Report, now_s: float, config: FollowConfig
) -> FollowState:
    """What to do when tracks have arrived at ``now_s`` of a clock that never jumps.

    Tracks of an image that is not newer than the last one are not driven on, and are no sign of
    life; where they say that the target is not TRACKING, the robot stands all the same.
    """
    state = after_silence(state, now_s, config)
    if not config.enabled:
        return stopped(state, DISABLED, now_s)
    sighting = chosen(report.sightings, config.target_id)
    untimely = refusal_of_time(report, config)
    is_newer = report.stamp_ns > _last_stamp_ns(state, report, config)
    why = refusal(sighting, config) or untimely
    if why or sighting is None:
        stamp_ns = report.stamp_ns if is_newer and not untimely else state.stamp_ns
        return stopped(replace(state, heard_s=now_s, stamp_ns=stamp_ns), why, now_s)
    if not is_newer:
        return state
    aim = aim_at(sighting)
    last = state.velocity
    if aim.distance_m is None:
        # How far it is to the target is not known any more: not a metre on what was.
        last = replace(last, linear_m_s=0.0)
    elapsed_s = now_s - state.commanded_s if state.commanded_s is not None else 0.0
    return FollowState(
        velocity=limited(last, wanted(aim, config), min(elapsed_s, config.timeout_s), config),
        standing="",
        aim=aim,
        target_id=sighting.target_id,
        commanded_s=now_s,
        heard_s=now_s,
        stamp_ns=report.stamp_ns,
    )


def after_silence(state: FollowState, now_s: float, config: FollowConfig) -> FollowState:
    """What to do at ``now_s`` when nothing has arrived: the dead man's switch."""
    if not config.enabled:
        return stopped(state, DISABLED, now_s)
    if state.heard_s is None:
        return stopped(state, NO_TRACKS if state.standing == DISABLED else state.standing, now_s)
    silence_s = now_s - state.heard_s
    if silence_s > config.timeout_s:
        return stopped(state, f"no usable tracks for {silence_s:.1f} s", now_s)
    return state


def _last_stamp_ns(state: FollowState, report: Report, config: FollowConfig) -> int:
    """The newest image that counted; 0 where the clock jumped back behind it, as in a new run."""
    ahead_s = (state.stamp_ns - report.now_ns) / 1e9
    return state.stamp_ns if ahead_s <= config.max_age_s else 0
