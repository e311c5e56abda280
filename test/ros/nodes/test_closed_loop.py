"""A robot in a simulated world follows a target with the real tracker and the shipped network."""

from __future__ import annotations

import math
from itertools import chain, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.closed_loop import PERIOD_NS, Moment, closed_loop, walk
from support.planar_world import HALF_VIEW_RAD, World

from bench.closed_loop_plot import draw
from siammask_ros.following.config import FollowConfig
from siammask_ros.following.control_law import ZERO

CONFIG = FollowConfig()
# To what is measured: a mask that is a pixel off, a surface that is seen a bit too near.
NEAR_M = 0.15
NEAR_RAD = 0.08

Stretches = dict[str, list[Moment]]


@pytest.fixture(scope="module")
def stretches() -> Stretches:
    """One run for all tests of this file: it is looked at from several sides."""
    with closed_loop(World()) as loop:
        return walk(loop)


def all_of(stretches: Stretches) -> list[Moment]:
    return list(chain.from_iterable(stretches.values()))


def share_tracked(moments: list[Moment]) -> float:
    return sum(moment.state == "TRACKING" for moment in moments) / len(moments)


def test_it_stands_until_a_target_is_chosen(stretches: Stretches) -> None:
    (first,) = stretches["unknown"]
    assert (first.command, first.stop_reason) == (ZERO, "no target")


def test_a_walking_target_is_kept_in_view_and_followed(stretches: Stretches) -> None:
    for moment in all_of(stretches):
        assert abs(moment.world.azimuth_rad) < 0.8 * HALF_VIEW_RAD, moment
        assert moment.world.distance_m > CONFIG.distance_m - NEAR_M, moment
    for name in ("approached", "followed", "walked on", "stood"):
        assert share_tracked(stretches[name]) > 0.9, name
    walked_m = math.dist(
        stretches["unknown"][0].world.target_xy_m, stretches["stood"][-1].world.target_xy_m
    )
    assert walked_m > 3


def test_it_comes_to_rest_at_the_distance_and_looks_at_the_target(stretches: Stretches) -> None:
    last = stretches["stood"][-1]
    assert last.world.distance_m == pytest.approx(CONFIG.distance_m, abs=NEAR_M)
    assert abs(last.world.azimuth_rad) < NEAR_RAD
    assert abs(last.command.linear_m_s) < 0.05
    assert abs(last.command.angular_rad_s) < 0.05


def test_on_the_loss_of_the_target_it_stops_at_once_and_stays(stretches: Stretches) -> None:
    assert stretches["followed"][-1].command.linear_m_s > 0.3
    covered = stretches["covered"]
    stands = [moment for moment in covered if moment.state != "TRACKING"]
    assert len(covered) - len(stands) <= 3
    assert stands[-1].state == "LOST"
    assert {moment.world.robot for moment in stands} == {stands[0].world.robot}


def test_it_resumes_when_the_target_is_there_again(stretches: Stretches) -> None:
    walked_on = stretches["walked on"]
    assert walked_on[0].state == "TRACKING"
    assert walked_on[-1].world.robot != stretches["covered"][-1].world.robot


def test_it_moves_only_while_the_target_is_seen(stretches: Stretches) -> None:
    for moment in all_of(stretches):
        assert bool(moment.stop_reason) == (moment.state != "TRACKING")
        if moment.stop_reason:
            assert moment.command == ZERO


def test_without_depth_it_turns_and_does_not_drive(stretches: Stretches) -> None:
    blind = [moment for moment in stretches["without depth"] if not moment.has_position]
    assert len(blind) > 30
    assert {moment.command.linear_m_s for moment in blind} == {0.0}
    assert min(moment.command.angular_rad_s for moment in blind) < -0.1
    assert share_tracked(blind) > 0.9


def test_every_command_is_within_the_limits(stretches: Stretches) -> None:
    moments = all_of(stretches)
    period_s = PERIOD_NS / 1e9
    for before, after in pairwise(moments):
        linear, angular = after.command.linear_m_s, after.command.angular_rad_s
        assert -CONFIG.max_reverse_m_s <= linear <= CONFIG.max_linear_m_s
        assert abs(angular) <= CONFIG.max_angular_rad_s
        if after.command == ZERO:
            continue
        faster = abs(linear - before.command.linear_m_s) / period_s
        turned = abs(angular - before.command.angular_rad_s) / period_s
        assert linear == 0 or faster <= CONFIG.linear_acceleration_m_s2 + 1e-6
        assert turned <= CONFIG.angular_acceleration_rad_s2 + 1e-6


def test_a_run_is_drawn(stretches: Stretches, tmp_path: Path) -> None:
    moments = all_of(stretches)
    draw(tmp_path / "all.png", moments, CONFIG)
    draw(tmp_path / "half.png", moments[: len(moments) // 2], CONFIG)
    whole, half = (cv2.imread(str(tmp_path / name)) for name in ("all.png", "half.png"))
    assert whole.shape == half.shape
    assert not np.array_equal(whole, half)
