"""The rotated box: its corners, its fit around points, and an angle that never jumps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox

COORDINATES = st.floats(-1e4, 1e4)
SIDES = st.floats(1, 1e3)
ANGLES = st.floats(-math.pi, math.pi)
BOXES = st.builds(RotatedBox, COORDINATES, COORDINATES, SIDES, SIDES, ANGLES)
QUARTER = math.pi / 2


def same_rectangle(one: RotatedBox, other: RotatedBox) -> bool:
    """Whether each corner of one lies on a corner of the other."""
    apart = np.linalg.norm(one.corners_xy[:, None] - other.corners_xy[None], axis=2)
    return bool(apart.min(axis=0).max() < 1e-6 and apart.min(axis=1).max() < 1e-6)


def turned_by(one: float, other: float) -> float:
    """The angle between two directions, in [0, π]."""
    return abs(math.remainder(one - other, 2 * math.pi))


def test_corners_go_clockwise_on_the_screen_from_the_top_left() -> None:
    corners = RotatedBox(10, 20, 6, 4).corners_xy
    assert corners.tolist() == [[7, 18], [13, 18], [13, 22], [7, 22]]


def test_a_positive_angle_turns_x_towards_y() -> None:
    box = RotatedBox(10, 20, 6, 4, QUARTER)
    # The width now runs down the screen, so the first corner is at the top right.
    assert np.allclose(box.corners_xy, [[12, 17], [12, 23], [8, 23], [8, 17]])
    slightly = RotatedBox(0, 0, 2, 1e-9, 0.1).corners_xy
    assert slightly[1][0] > 0 and slightly[1][1] > 0


@given(BOXES)
def test_corners_have_the_sides_and_the_center(box: RotatedBox) -> None:
    corners = box.corners_xy
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    assert np.allclose(sides, [box.width, box.height] * 2, rtol=1e-6, atol=1e-6)
    assert np.allclose(corners.mean(axis=0), [box.x, box.y], atol=1e-6)
    along = corners[1] - corners[0]
    assert turned_by(math.atan2(along[1], along[0]), box.theta) < 1e-6


@given(BOXES)
def test_the_bounding_box_just_holds_the_corners(box: RotatedBox) -> None:
    left, top, width, height = box.bounding_xywh
    corners = box.corners_xy
    assert np.allclose(corners.min(axis=0), [left, top])
    assert np.allclose(corners.max(axis=0), [left + width, top + height])


@given(COORDINATES, COORDINATES, SIDES, SIDES)
def test_from_xywh_and_back(left: float, top: float, width: float, height: float) -> None:
    box = RotatedBox.from_xywh((left, top, width, height))
    assert box.theta == 0
    assert np.allclose(box.bounding_xywh, (left, top, width, height))


def test_no_points_have_no_box() -> None:
    with pytest.raises(BoxError, match="at least one point"):
        RotatedBox.around_points(np.zeros((0, 2), np.int32))


@pytest.mark.parametrize(
    ("points", "size"),
    [
        pytest.param([[5, 7]], (0, 0), id="one point"),
        pytest.param([[5, 7], [9, 7]], (4, 0), id="a line"),
        pytest.param([[0, 0], [8, 0], [8, 4], [0, 4], [3, 2]], (8, 4), id="a rectangle"),
        pytest.param([[0, 3], [4, 0], [10, 8], [6, 11]], (10, 5), id="a turned rectangle"),
    ],
)
def test_the_box_around_points(points: list[list[int]], size: tuple[float, float]) -> None:
    box = RotatedBox.around_points(np.array(points, np.int32))
    assert sorted((box.width, box.height)) == pytest.approx(sorted(size), abs=1e-4)


@given(st.builds(RotatedBox, st.floats(0, 1000), st.floats(0, 1000), SIDES, SIDES, ANGLES))
def test_the_box_around_a_rectangles_corners_is_that_rectangle(box: RotatedBox) -> None:
    assume(min(box.width, box.height) > 5)
    fitted = RotatedBox.around_points(box.corners_xy.astype(np.float32), box.theta)
    apart = np.linalg.norm(fitted.corners_xy[:, None] - box.corners_xy[None], axis=2)
    assert apart.min(axis=0).max() < 0.05
    assert fitted.width * fitted.height <= box.width * box.height * 1.001


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=40))
def test_the_box_around_points_holds_them_all(points: list[tuple[int, int]]) -> None:
    box = RotatedBox.around_points(np.array(points, np.int32))
    relative = np.array(points, float) - [box.x, box.y]
    axes = np.array(
        [
            [math.cos(box.theta), math.sin(box.theta)],
            [-math.sin(box.theta), math.cos(box.theta)],
        ]
    )
    reach = np.abs(relative @ axes.T).max(axis=0)
    assert reach[0] <= box.width / 2 + 0.05
    assert reach[1] <= box.height / 2 + 0.05


@given(BOXES, ANGLES)
def test_a_continued_box_is_the_same_rectangle_by_the_nearest_angle(
    box: RotatedBox, previous_theta: float
) -> None:
    continued = box.align_to(previous_theta)
    assert same_rectangle(continued, box)
    assert turned_by(continued.theta, previous_theta) <= math.pi / 4 + 1e-9
    assert -math.pi < continued.theta <= math.pi


@given(BOXES)
def test_a_box_continued_from_itself_is_itself(box: RotatedBox) -> None:
    again = box.align_to(box.theta)
    assert (again.width, again.height) == (box.width, box.height)
    assert turned_by(again.theta, box.theta) < 1e-9


@pytest.mark.parametrize("step_deg", [1, -1, 7, -7, 40], ids=lambda step: f"{step} degrees")
def test_a_full_turn_of_a_rectangle_has_no_flips(step_deg: float) -> None:
    theta = 0.0
    for k in range(1, round(720 / abs(step_deg))):
        true_theta = math.radians(k * step_deg)
        truth = RotatedBox(200, 150, 80, 30, true_theta)
        box = RotatedBox.around_points(truth.corners_xy.astype(np.float32), theta)
        assert turned_by(box.theta, true_theta) < 1e-3
        assert (box.width, box.height) == pytest.approx((80, 30), abs=0.01)
        theta = box.theta


@pytest.mark.parametrize("previous_theta", [math.pi, -math.pi + 1e-9], ids=["pi", "minus pi"])
def test_the_angle_stays_continuous_across_half_a_turn(previous_theta: float) -> None:
    continued = RotatedBox(0, 0, 8, 4, 0.02).align_to(previous_theta)
    assert (continued.width, continued.height) == (8, 4)
    assert turned_by(continued.theta, previous_theta) == pytest.approx(0.02, abs=1e-6)
