"""Overlap of boxes and polygons: cases worked out by hand, and OpenCV's answers."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.evaluation.metrics.overlap import (
    box_overlap,
    center_distance_px,
    polygon_area,
    polygon_overlap,
)
from siammask_ros.geometry.boxes import RotatedBox

BOXES = {
    "both empty": ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
    "one empty": ((0, 0, 0, 0), (0, 0, 10, 10), 0.0),
    "equal": ((5, 5, 10, 20), (5, 5, 10, 20), 1.0),
    # 50 of 100 + 100 − 50.
    "half way": ((0, 0, 10, 10), (5, 0, 10, 10), 1 / 3),
    "within": ((0, 0, 10, 10), (2, 2, 5, 4), 0.2),
    "touching": ((0, 0, 10, 10), (10, 0, 10, 10), 0.0),
    "apart in both": ((0, 0, 10, 10), (50, 60, 10, 10), 0.0),
    "above zero": ((-5, -5, 10, 10), (0, 0, 5, 5), 0.25),
}


@pytest.mark.parametrize(("box", "other", "overlap"), BOXES.values(), ids=BOXES)
def test_boxes_by_hand(box: tuple, other: tuple, overlap: float) -> None:
    assert box_overlap(box, other) == pytest.approx(overlap)
    assert box_overlap(other, box) == pytest.approx(overlap)
    corners = [RotatedBox.from_xywh(each).corners_xy for each in (box, other)]
    assert polygon_overlap(*corners) == pytest.approx(overlap)


def test_distance_is_that_of_the_centres() -> None:
    assert center_distance_px((0, 0, 10, 10), (3, 3, 10, 12)) == pytest.approx(5)
    assert center_distance_px((7, 8, 2, 4), (8, 9, 0, 2)) == 0


SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float64)
DIAMOND = np.array([[1, 0], [2, 1], [1, 2], [0, 1]], np.float64)


def test_polygons_by_hand() -> None:
    # The diamond has half the square's area.
    assert polygon_overlap(DIAMOND, SQUARE) == pytest.approx(0.5)
    # The square turned by an eighth has a regular octagon in common with itself, 8 (√2 − 1) of
    # 4 each: 8 (√2 − 1) / (8 − 8 (√2 − 1)) = 1 / √2.
    turned = RotatedBox(1, 1, 2, 2, math.pi / 4).corners_xy
    assert polygon_overlap(turned, SQUARE) == pytest.approx(1 / math.sqrt(2))
    # A triangle of area 1 in it.
    assert polygon_overlap(SQUARE, np.array([[0.0, 0], [1, 2], [0, 2]])) == pytest.approx(0.25)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_corners_may_run_either_way(order: slice) -> None:
    assert polygon_overlap(DIAMOND[order], SQUARE) == pytest.approx(0.5)
    assert polygon_overlap(DIAMOND, SQUARE[order]) == pytest.approx(0.5)


def test_what_lies_outside_the_picture_does_not_count() -> None:
    inside = RotatedBox.from_xywh((0, 0, 10, 10)).corners_xy
    over_the_border = RotatedBox.from_xywh((-10, 0, 20, 10)).corners_xy
    assert polygon_overlap(over_the_border, inside) == pytest.approx(0.5)
    assert polygon_overlap(over_the_border, inside, (80, 100)) == pytest.approx(1.0)
    below = RotatedBox.from_xywh((20, 80, 10, 10)).corners_xy
    assert polygon_overlap(below, below, (81, 100)) == pytest.approx(1.0)
    assert polygon_overlap(below, below, (80, 100)) == 0.0
    assert polygon_overlap(inside, below, (80, 100)) == 0.0


def rectangle(random: np.random.Generator) -> RotatedBox:
    x, y = random.uniform(0, 100, 2)
    return RotatedBox(x, y, *random.uniform(5, 80, 2), random.uniform(-3, 3))


@pytest.mark.parametrize("seed", range(50))
def test_equal_to_opencv(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = rectangle(random), rectangle(random)
    corners = one.corners_xy, other.corners_xy
    common, _ = cv2.intersectConvexConvex(*(each.astype(np.float32) for each in corners))
    union = one.width * one.height + other.width * other.height - common
    assert polygon_overlap(*corners) == pytest.approx(common / union, abs=1e-5)
    assert polygon_overlap(*corners[::-1]) == pytest.approx(polygon_overlap(*corners))


COORDINATES = st.floats(-50, 150)
SIDES = st.floats(1, 90)
RECTANGLES = st.builds(RotatedBox, COORDINATES, COORDINATES, SIDES, SIDES, st.floats(-3, 3))


@given(RECTANGLES)
def test_area_and_overlap_with_itself(box: RotatedBox) -> None:
    corners = box.corners_xy
    assert polygon_area(corners) == pytest.approx(box.width * box.height)
    assert polygon_overlap(corners, corners) == pytest.approx(1.0)
