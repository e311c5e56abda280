"""The control law: which way, how fast, and never faster than allowed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.errors import ConfigError
from siammask_ros.following.config import FollowConfig
from siammask_ros.following.control_law import ZERO, Velocity, compute_velocity, limit_velocity
from siammask_ros.following.observation import Goal

CONFIG = FollowConfig(max_reverse_m_s=0.3)


@pytest.mark.parametrize(
    ("azimuth_rad", "distance_m", "linear", "angular"),
    [
        pytest.param(0.0, CONFIG.distance_m, 0, 0, id="there"),
        pytest.param(0.01, CONFIG.distance_m + 0.04, 0, 0, id="near-enough"),
        pytest.param(0.0, 4.0, 1, 0, id="far"),
        pytest.param(0.0, 0.5, -1, 0, id="too-near"),
        pytest.param(0.3, CONFIG.distance_m, 0, 1, id="left"),
        pytest.param(-0.3, CONFIG.distance_m, 0, -1, id="right"),
        pytest.param(0.3, 4.0, 1, 1, id="far-and-left"),
        pytest.param(math.pi / 2 + 0.1, 4.0, 0, 1, id="behind-turns-first"),
        pytest.param(-3.0, 0.5, 0, -1, id="behind-and-near"),
        pytest.param(0.3, None, 0, 1, id="distance-unknown-only-turns"),
    ],
)
def test_the_robot_turns_towards_the_target_and_drives_to_its_distance(
    azimuth_rad: float, distance_m: float | None, linear: int, angular: int
) -> None:
    velocity = compute_velocity(Goal(azimuth_rad, distance_m), CONFIG)
    signs = [
        math.copysign(1, value) if abs(value) > 1e-9 else 0
        for value in (velocity.linear_m_s, velocity.angular_rad_s)
    ]
    assert signs == [linear, angular]


def test_the_gains_say_how_fast_and_a_target_at_the_side_slows_driving_down() -> None:
    config = FollowConfig(distance_tolerance_m=0.0, bearing_tolerance_rad=0.0)
    velocity = compute_velocity(Goal(0.4, config.distance_m + 0.5), config)
    assert velocity.angular_rad_s == pytest.approx(0.4 * config.angular_gain)
    assert velocity.linear_m_s == pytest.approx(0.5 * config.linear_gain * math.cos(0.4))


@pytest.mark.parametrize("gain", [0.5, 2.0, 10.0])
def test_a_robot_that_obeys_comes_to_rest_at_the_distance_without_overshoot(gain: float) -> None:
    config = FollowConfig(linear_gain=gain, max_linear_m_s=2.0)
    velocity, distance_m, nearest_m, period_s = ZERO, 6.0, 6.0, 0.02
    for _ in range(3000):
        velocity = limit_velocity(
            velocity, compute_velocity(Goal(0.0, distance_m), config), period_s, config
        )
        distance_m -= velocity.linear_m_s * period_s
        nearest_m = min(nearest_m, distance_m)
    assert velocity.linear_m_s < 0.01
    assert abs(distance_m - config.distance_m) < config.distance_tolerance_m + 0.02
    assert nearest_m > config.distance_m - 0.05


VELOCITIES = st.builds(
    Velocity,
    st.floats(-CONFIG.max_reverse_m_s, CONFIG.max_linear_m_s),
    st.floats(-CONFIG.max_angular_rad_s, CONFIG.max_angular_rad_s),
)
AIMS = st.builds(
    Goal, st.floats(-math.pi, math.pi), st.none() | st.floats(1e-6, 1e6, allow_nan=False)
)


@given(last=VELOCITIES, goal=AIMS, elapsed_s=st.floats(0.0, 1.0))
def test_no_command_is_beyond_the_limits(last: Velocity, goal: Goal, elapsed_s: float) -> None:
    velocity = limit_velocity(last, compute_velocity(goal, CONFIG), elapsed_s, CONFIG)
    assert -CONFIG.max_reverse_m_s <= velocity.linear_m_s <= CONFIG.max_linear_m_s
    assert abs(velocity.angular_rad_s) <= CONFIG.max_angular_rad_s
    linear = abs(velocity.linear_m_s - last.linear_m_s)
    angular = abs(velocity.angular_rad_s - last.angular_rad_s)
    assert linear <= CONFIG.linear_acceleration_m_s2 * elapsed_s + 1e-9
    assert angular <= CONFIG.angular_acceleration_rad_s2 * elapsed_s + 1e-9


def test_a_lower_speed_limit_holds_at_once() -> None:
    slow = FollowConfig(max_linear_m_s=0.1, max_angular_rad_s=0.1)
    velocity = limit_velocity(Velocity(0.5, -1.0), Velocity(0.5, -1.0), 0.0, slow)
    assert velocity == Velocity(0.1, -0.1)


@pytest.mark.parametrize(
    "values",
    [
        {"max_linear_m_s": math.nan},
        {"max_linear_m_s": -0.1},
        {"linear_acceleration_m_s2": 0.0},
        {"timeout_s": 60.0},
        {"distance_m": 0.0},
        {"enabled": 1},
        {"target_id": 7},
    ],
    ids=lambda values: next(iter(values)),
)
def test_an_illegal_setting_is_refused_by_name(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(ConfigError, match=f"{name} is .*; expected"):
        FollowConfig(**values)
