"""How far a target goes on: along a straight line, bounded, and not at all where nothing tells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.geometry.motion import MAX_OBSERVATIONS, MIN_OBSERVATIONS, WINDOW_S, Motion

PERIOD_S = 0.04
REACH_PX = 60.0


def along(centers: np.ndarray, period_s: float = PERIOD_S) -> Motion:
    """What is known after these observations (n, 2)."""
    motion = Motion()
    for index, (x, y) in enumerate(centers):
        motion = motion.add((float(x), float(y)), index * period_s, REACH_PX)
    return motion


def straight(count: int, dx: float = 4.0, dy: float = -2.0) -> np.ndarray:
    return 100.0 + np.arange(count)[:, None] * np.array([dx, dy])


@given(
    velocity=st.tuples(st.floats(-400, 400), st.floats(-400, 400)),
    seconds=st.floats(0.0, 0.1),
    count=st.integers(MIN_OBSERVATIONS, 40),
)
def test_a_steady_target_goes_on_as_it_came(
    velocity: tuple[float, float], seconds: float, count: int
) -> None:
    dx, dy = (value * PERIOD_S for value in velocity)
    shift = along(straight(count, dx, dy)).predict_shift(seconds, REACH_PX)
    assert shift == pytest.approx((velocity[0] * seconds, velocity[1] * seconds), abs=1e-6)


def test_what_does_not_move_stays() -> None:
    assert along(straight(5, 0.0, 0.0)).predict_shift(0.2, REACH_PX) == (0, 0)


@pytest.mark.parametrize("count", range(MIN_OBSERVATIONS))
def test_too_few_sightings_tell_nothing(count: int) -> None:
    assert along(straight(count)).predict_shift(0.1, REACH_PX) is None


NOISE = np.random.default_rng(5).normal(0, 1, (12, 2))
BEND = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 3, 12)])


@pytest.mark.parametrize(
    "centers",
    [
        pytest.param(100 + 3 * NOISE, id="standing-and-noisy"),
        pytest.param(straight(12) + 8 * NOISE, id="shaken-more-than-moved"),
        pytest.param(np.abs(straight(12) - straight(12)[6]), id="turning-back"),
        pytest.param(100 + 20 * BEND, id="a-bend"),
    ],
)
def test_what_does_not_move_steadily_along_a_line_is_left_where_it_is(centers: np.ndarray) -> None:
    assert along(centers).predict_shift(0.1, REACH_PX) is None


def test_a_little_noise_is_no_hindrance() -> None:
    shift = along(straight(12) + NOISE).predict_shift(0.1, REACH_PX)
    assert shift == pytest.approx((10, -5), abs=1)


@pytest.mark.parametrize(
    ("center_xy", "time_s"),
    [
        pytest.param((230, 100), 10 * PERIOD_S, id="a-jump"),
        pytest.param((140, 80), 9 * PERIOD_S + WINDOW_S + 0.01, id="a-gap"),
        pytest.param((140, 80), 9 * PERIOD_S, id="the-same-time"),
        pytest.param((140, 80), -50.0, id="time-jumps-back"),
    ],
)
def test_it_begins_anew_after(center_xy: tuple[float, float], time_s: float) -> None:
    motion = along(straight(10))
    assert motion.predict_shift(0.05, REACH_PX) is not None
    anew = motion.add(center_xy, time_s, REACH_PX)
    assert anew.observations == ((time_s, *center_xy),)
    assert anew.predict_shift(0.05, REACH_PX) is None


def test_nothing_goes_further_than_its_reach() -> None:
    motion = along(straight(10, 40.0, 0.0))
    assert motion.predict_shift(0.059, REACH_PX) is not None
    assert motion.predict_shift(0.061, REACH_PX) is None


def test_old_sightings_are_let_go() -> None:
    assert len(along(straight(500, 1.0, 0.0), 0.001).observations) == MAX_OBSERVATIONS
    kept = along(straight(50, 1.0, 0.0), 0.1).observations
    assert np.ptp([time_s for time_s, *_ in kept]) <= WINDOW_S + 1e-9


def test_a_turn_is_behind_it_after_the_window() -> None:
    down = straight(20, 0.0, 4.0) + np.array([76, 4])
    shift = along(np.concatenate([straight(20, 4.0, 0.0), down])).predict_shift(0.1, REACH_PX)
    assert shift == pytest.approx((0, 10))
