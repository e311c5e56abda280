"""The follower drives on fresh tracks of a target that is TRACKING, and on nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.following.config import FollowConfig
from siammask_ros.following.control_law import ZERO
from siammask_ros.following.follower import (
    DISABLED,
    FollowState,
    update_from_tracks,
    update_without_tracks,
)
from siammask_ros.following.observation import Observation, TracksReport

CONFIG = FollowConfig(enabled=True, max_reverse_m_s=0.2)
START_NS = 1_700_000_000_000_000_000
PERIOD_S = 0.1
AHEAD = Observation("1", bearing=(-0.2, 0.0, 0.98), position=(-0.8, 0.0, 3.92))
NAN = math.nan


def report(at_s: float, *observations: Observation, age_s: float = 0.05) -> TracksReport:
    """Tracks that arrive at ``at_s``, of an image that is ``age_s`` old."""
    now_ns = START_NS + round(at_s * 1e9)
    return TracksReport(now_ns - round(age_s * 1e9), now_ns, observations)


def driving(config: FollowConfig = CONFIG, until_s: float = 2.0) -> FollowState:
    """The state after two seconds of good tracks."""
    state = FollowState()
    for step in range(round(until_s / PERIOD_S) + 1):
        at_s = step * PERIOD_S
        state = update_from_tracks(state, report(at_s, AHEAD), at_s, config)
    assert not state.stop_reason
    assert state.velocity.linear_m_s > 0.3
    assert state.velocity.angular_rad_s > 0.1
    return state


def drives_on(state: FollowState, at_s: float, config: FollowConfig = CONFIG) -> None:
    """The next good tracks are followed, with the ramp that the limits ask for."""
    later = update_from_tracks(state, report(at_s, AHEAD), at_s, config)
    later = update_from_tracks(later, report(at_s + PERIOD_S, AHEAD), at_s + PERIOD_S, config)
    assert not later.stop_reason
    assert 0 < later.velocity.linear_m_s <= config.max_linear_m_s


def test_without_any_tracks_it_stands() -> None:
    for state in (
        update_without_tracks(FollowState(), 0.0, CONFIG),
        update_without_tracks(FollowState(), 9.0, CONFIG),
    ):
        assert (state.velocity, state.stop_reason) == (ZERO, "no tracks yet")


def test_it_starts_from_rest_within_the_acceleration_limit() -> None:
    first = update_from_tracks(FollowState(), report(5.0, AHEAD), 5.0, CONFIG)
    assert (first.velocity, first.stop_reason, first.target_id) == (ZERO, "", "1")
    second = update_from_tracks(first, report(5.1, AHEAD), 5.1, CONFIG)
    assert second.velocity.linear_m_s == pytest.approx(0.1 * CONFIG.linear_acceleration_m_s2)


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        pytest.param(None, "no target", id="no-target"),
        pytest.param(replace(AHEAD, state="UNCERTAIN"), "'1' is UNCERTAIN", id="uncertain"),
        pytest.param(replace(AHEAD, state="LOST", reason="gone"), "is LOST: gone", id="lost"),
        pytest.param(replace(AHEAD, state="STALE"), "is STALE", id="stale"),
        pytest.param(replace(AHEAD, state="17"), "is 17", id="unknown-state"),
        pytest.param(replace(AHEAD, bearing=None), "has no bearing", id="no-bearing"),
        pytest.param(replace(AHEAD, bearing=(NAN, 0.0, 1.0)), "bearing of", id="nan-bearing"),
        pytest.param(replace(AHEAD, bearing=(0.0, 0.0, 0.0)), "bearing of", id="zero-bearing"),
        pytest.param(replace(AHEAD, position=(0.0, NAN, 2.0)), "position of", id="nan-position"),
        pytest.param(
            replace(AHEAD, position=(0.0, 0.0, math.inf)), "position of", id="infinite-position"
        ),
    ],
)
def test_on_anything_but_a_target_that_is_seen_it_stands_at_once(
    observation: Observation | None, words: str
) -> None:
    before = driving()
    seen: Sequence[Observation] = [observation] if observation else []
    after = update_from_tracks(before, report(2.1, *seen), 2.1, CONFIG)
    assert after.velocity == ZERO
    assert words in after.stop_reason
    drives_on(after, 2.2)


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        pytest.param(CONFIG.max_age_s + 0.01, "0.51 s old; expected at most 0.5 s", id="old"),
        pytest.param(30.0, "30.00 s old; expected at most", id="of-half-a-minute-ago"),
        pytest.param(3600.0, "differ by 1.0 hours; check use_sim_time", id="of-an-hour-ago"),
        pytest.param(-0.9, "0.90 s ahead of the clock", id="ahead"),
        pytest.param(-3600.0, "differ by 1.0 hours; check use_sim_time", id="of-the-future"),
        pytest.param(2.1 + START_NS / 1e9, "no stamp", id="without-stamp"),
    ],
)
def test_tracks_of_another_time_are_not_driven_on(age_s: float, words: str) -> None:
    message = report(2.1, AHEAD, age_s=age_s)
    if "no stamp" in words:
        message = replace(message, stamp_ns=0)
    after = update_from_tracks(driving(), message, 2.1, CONFIG)
    assert after.velocity == ZERO
    assert words in after.stop_reason
    drives_on(after, 2.2)


def test_a_silent_tracker_makes_it_stand_within_the_timeout() -> None:
    state = driving()
    assert update_without_tracks(state, 2.0 + CONFIG.timeout_s - 0.01, CONFIG) is state
    after = update_without_tracks(state, 2.0 + CONFIG.timeout_s + 0.01, CONFIG)
    assert (after.velocity, after.stop_reason) == (ZERO, "no usable tracks for 0.5 s")
    drives_on(after, 9.0)


def test_the_same_tracks_again_are_no_sign_of_life() -> None:
    state = driving()
    repeated = report(2.0, AHEAD)
    for step in range(1, 6):
        at_s = 2.0 + step * PERIOD_S
        assert update_from_tracks(state, repeated, at_s, CONFIG) is state
    after = update_from_tracks(state, repeated, 2.61, CONFIG)
    assert after.velocity == ZERO
    drives_on(after, 2.7)


def test_tracks_that_were_overtaken_are_not_driven_on_but_stop() -> None:
    state = driving()
    overtaken = report(2.05, AHEAD, age_s=0.2)
    assert update_from_tracks(state, overtaken, 2.05, CONFIG) is state
    lost = replace(overtaken, observations=(replace(AHEAD, state="LOST"),))
    assert update_from_tracks(state, lost, 2.05, CONFIG).velocity == ZERO


def test_after_the_clock_jumped_back_new_tracks_count_again() -> None:
    state = driving(until_s=20.0)
    for step in range(1, 3):
        # A bag that begins again, or a simulation: only the machine's own time goes on.
        at_s = step * PERIOD_S
        state = update_from_tracks(state, report(at_s, AHEAD), 20.0 + at_s, CONFIG)
        assert not state.stop_reason
        assert state.stamp_ns == report(at_s).stamp_ns
        assert state.velocity.linear_m_s > 0.3


def test_without_a_position_it_turns_only_and_drives_not_a_metre_on_what_was() -> None:
    state = driving()
    after = update_from_tracks(state, report(2.1, replace(AHEAD, position=None)), 2.1, CONFIG)
    assert not after.stop_reason
    assert after.velocity.linear_m_s == 0
    assert after.velocity.angular_rad_s > 0
    drives_on(after, 2.2)


@pytest.mark.parametrize(("target_id", "followed"), [("", "1"), ("1", "1"), ("2", "2")])
def test_the_target_that_was_asked_for_is_followed(target_id: str, followed: str) -> None:
    config = replace(CONFIG, target_id=target_id)
    other = Observation("2", bearing=(0.5, 0.0, 0.8))
    state = update_from_tracks(FollowState(), report(0.0, AHEAD, other), 0.0, config)
    assert state.target_id == followed


def test_no_other_target_is_followed_in_place_of_the_one_that_was_asked_for() -> None:
    config = replace(CONFIG, target_id="9")
    state = update_from_tracks(FollowState(), report(0.0, AHEAD), 0.0, config)
    assert state.stop_reason == "no target '9'"
    lost = replace(AHEAD, target_id="0", state="LOST")
    state = update_from_tracks(FollowState(), report(0.0, lost, AHEAD), 0.0, CONFIG)
    assert state.stop_reason == "target '0' is LOST"


def test_who_is_disabled_stands_until_enabled_again() -> None:
    off = replace(CONFIG, enabled=False)
    for after in (
        update_without_tracks(driving(), 2.01, off),
        update_from_tracks(driving(), report(2.1, AHEAD), 2.1, off),
    ):
        assert after.velocity == ZERO
        assert "disabled" in after.stop_reason
    drives_on(after, 2.2)


def test_it_is_disabled_until_somebody_enables_it() -> None:
    off = FollowConfig()
    state = update_from_tracks(FollowState(), report(0.0, AHEAD), 0.0, off)
    assert (state.velocity, state.stop_reason) == (ZERO, DISABLED)
    assert update_without_tracks(state, 0.1, CONFIG).stop_reason == "no tracks yet"


NUMBERS = st.floats(-10, 10) | st.just(NAN) | st.just(math.inf)
VECTORS = st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS)
SIGHTINGS = st.builds(
    Observation,
    target_id=st.sampled_from(["1", "2"]),
    state=st.sampled_from(["TRACKING"] * 6 + ["UNCERTAIN", "LOST", "STALE"]),
    bearing=st.just(AHEAD.bearing) | VECTORS,
    position=st.just(AHEAD.position) | VECTORS,
)
EVENTS = st.tuples(
    st.floats(0.0, 1.0),  # seconds since the one before
    st.none() | st.lists(SIGHTINGS, max_size=2),  # None: silence
    st.floats(-1.0, 1.0),  # age of the image
)


@given(events=st.lists(EVENTS, max_size=40))
def test_whatever_comes_no_limit_is_broken_and_every_stop_is_a_full_one(
    events: list[tuple[float, list[Observation] | None, float]],
) -> None:
    state, at_s = FollowState(), 0.0
    for elapsed_s, observations, age_s in events:
        at_s += elapsed_s
        before = state
        if observations is None:
            state = update_without_tracks(state, at_s, CONFIG)
        else:
            state = update_from_tracks(
                state, report(at_s, *observations, age_s=age_s), at_s, CONFIG
            )
            if not observations or observations[0].state != "TRACKING":
                assert state.velocity == ZERO
        linear, angular = state.velocity.linear_m_s, state.velocity.angular_rad_s
        assert -CONFIG.max_reverse_m_s <= linear <= CONFIG.max_linear_m_s
        assert abs(angular) <= CONFIG.max_angular_rad_s
        if state.stop_reason:
            assert state.velocity == ZERO
            continue
        since_s = at_s - before.commanded_s if before.commanded_s is not None else 0.0
        faster = abs(linear - before.velocity.linear_m_s)
        turned = abs(angular - before.velocity.angular_rad_s)
        # Only to zero is it allowed to get at once.
        assert linear == 0 or faster <= CONFIG.linear_acceleration_m_s2 * since_s + 1e-9
        assert turned <= CONFIG.angular_acceleration_rad_s2 * since_s + 1e-9
        assert at_s - (state.tracks_s or 0.0) <= CONFIG.timeout_s
