"""The follower: computes the next velocity from tracks or from their absence. Its state is a value.

The robot moves only after a recent image in which its target is TRACKING. Otherwise it stops at
once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.control_law import ZERO, Velocity, compute_velocity, limit_velocity
from siammask_ros.following.observation import (
    Goal,
    TracksReport,
    check_observation,
    check_time,
    compute_goal,
    find_target,
)

DISABLED = "disabled; call the service ~/enable to drive"
NO_TRACKS = "no tracks yet"


@dataclass(frozen=True, slots=True)
class FollowState:
    """The commanded velocity; ``stop_reason`` says why it is zero and is empty while following.

    ``commanded_s`` is the time of the command, ``tracks_s`` that of the last usable tracks, both on
    a monotonic clock. ``stamp_ns`` is the newest image with usable tracks. ``goal`` is the target's
    position relative to the robot on that image.
    """

    velocity: Velocity = ZERO
    stop_reason: str = NO_TRACKS
    goal: Goal | None = None
    target_id: str = ""
    commanded_s: float | None = None
    tracks_s: float | None = None
    stamp_ns: int = 0


def stop_state(state: FollowState, why: str, now_s: float) -> FollowState:
    """Return the state with zero velocity, without a deceleration ramp."""
    return replace(state, velocity=ZERO, stop_reason=why, goal=None, commanded_s=now_s)


def update_from_tracks(
    state: FollowState, report: TracksReport, now_s: float, config: FollowConfig
) -> FollowState:
    """Return the state after tracks have arrived at ``now_s`` of a monotonic clock.

    Tracks of an image that is not newer than the last one do not move the robot and do not restart
    the timeout. But if they say that the target is not TRACKING, the robot stops.
    """
    state = update_without_tracks(state, now_s, config)
    if not config.enabled:
        return stop_state(state, DISABLED, now_s)
    observation = find_target(report.observations, config.target_id)
    time_error = check_time(report, config)
    is_newer = report.stamp_ns > _newest_stamp_ns(state, report, config)
    why = check_observation(observation, config) or time_error
    if why or observation is None:
        stamp_ns = report.stamp_ns if is_newer and not time_error else state.stamp_ns
        return stop_state(replace(state, tracks_s=now_s, stamp_ns=stamp_ns), why, now_s)
    if not is_newer:
        return state
    goal = compute_goal(observation)
    last = state.velocity
    if goal.distance_m is None:
        # The distance is unknown: do not continue with the last speed.
        last = replace(last, linear_m_s=0.0)
    elapsed_s = now_s - state.commanded_s if state.commanded_s is not None else 0.0
    return FollowState(
        velocity=limit_velocity(
            last, compute_velocity(goal, config), min(elapsed_s, config.timeout_s), config
        ),
        stop_reason="",
        goal=goal,
        target_id=observation.target_id,
        commanded_s=now_s,
        tracks_s=now_s,
        stamp_ns=report.stamp_ns,
    )


def update_without_tracks(state: FollowState, now_s: float, config: FollowConfig) -> FollowState:
    """Return the state at ``now_s`` if no tracks have arrived; stop after the timeout."""
    if not config.enabled:
        return stop_state(state, DISABLED, now_s)
    if state.tracks_s is None:
        return stop_state(
            state, NO_TRACKS if state.stop_reason == DISABLED else state.stop_reason, now_s
        )
    silence_s = now_s - state.tracks_s
    if silence_s > config.timeout_s:
        return stop_state(state, f"no usable tracks for {silence_s:.1f} s", now_s)
    return state


def _newest_stamp_ns(state: FollowState, report: TracksReport, config: FollowConfig) -> int:
    """Return the newest usable stamp; 0 if the clock jumped back before it (new simulation)."""
    ahead_s = (state.stamp_ns - report.now_ns) / 1e9
    return state.stamp_ns if ahead_s <= config.max_age_s else 0
