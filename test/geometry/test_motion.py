"""Boxes moved ahead: at constant velocity, bounded, and not at all where nothing tells how."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.motion import MOST_SIGHTINGS, WINDOW_S, Motion

PERIOD_S = 0.04


def box_at(x: float, y: float) -> RotatedBox:
    return RotatedBox(x, y, 60.0, 30.0, 0.4)


def moving(
    count: int, dx: float = 4.0, dy: float = -2.0, period_s: float = PERIOD_S
) -> tuple[Motion, RotatedBox]:
    """What is known after ``count`` sightings, and the last box."""
    motion, box = Motion(), box_at(100, 100)
    for index in range(count):
        box = box_at(100 + dx * index, 100 + dy * index)
        motion = motion.seen(box, index * period_s)
    return motion, box


@given(
    velocity=st.tuples(st.floats(-400, 400), st.floats(-400, 400)),
    seconds=st.floats(0.0, 0.1),
    count=st.integers(3, 40),
)
def test_a_steady_target_is_where_it_goes_on_to(
    velocity: tuple[float, float], seconds: float, count: int
) -> None:
    dx, dy = (value * PERIOD_S for value in velocity)
    motion, box = moving(count, dx, dy)
    ahead = motion.ahead(box, seconds)
    assert ahead is not None
    assert (ahead.x, ahead.y) == pytest.approx(
        (box.x + velocity[0] * seconds, box.y + velocity[1] * seconds), abs=1e-6
    )
    assert (ahead.width, ahead.height, ahead.theta) == (box.width, box.height, box.theta)


def test_what_does_not_move_stays() -> None:
    motion, box = moving(5, 0.0, 0.0)
    assert motion.ahead(box, 0.2) == box


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_sightings_tell_nothing(count: int) -> None:
    motion, box = moving(count)
    assert motion.ahead(box, 0.1) is None


@pytest.mark.parametrize(
    ("box", "time_s"),
    [
        pytest.param(box_at(230, 100), 10 * PERIOD_S, id="a-jump"),
        pytest.param(box_at(140, 80), 9 * PERIOD_S + WINDOW_S + 0.01, id="a-gap"),
        pytest.param(box_at(140, 80), 9 * PERIOD_S, id="the-same-time"),
        pytest.param(box_at(140, 80), -50.0, id="time-jumps-back"),
    ],
)
def test_it_begins_anew_after(box: RotatedBox, time_s: float) -> None:
    motion, last = moving(10)
    assert motion.ahead(last, 0.05) is not None
    anew = motion.seen(box, time_s)
    assert anew.sightings == ((time_s, box.x, box.y),)
    assert anew.ahead(box, 0.05) is None


def test_no_box_goes_further_than_its_longer_side() -> None:
    motion, box = moving(10, 40.0, 0.0)
    assert motion.ahead(box, 0.059) is not None
    assert motion.ahead(box, 0.061) is None


def test_old_sightings_are_let_go() -> None:
    motion, _ = moving(500, 1.0, 0.0, 0.001)
    assert len(motion.sightings) == MOST_SIGHTINGS
    motion, _ = moving(50, 1.0, 0.0, 0.2)
    assert np.ptp([time_s for time_s, *_ in motion.sightings]) <= WINDOW_S


def test_a_turn_is_followed_within_the_window() -> None:
    motion, box = moving(20, 4.0, 0.0)
    for index in range(1, 20):
        box = box_at(176, 100 + 4.0 * index)
        motion = motion.seen(box, (19 + index) * PERIOD_S)
    ahead = motion.ahead(box, 0.1)
    assert ahead is not None
    assert (ahead.x, ahead.y) == pytest.approx((176, box.y + 10.0))
