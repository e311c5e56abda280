"""A mask's box by each strategy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.box_fit import fit_box
from siammask_ros.tracker.masks import RegionMask, largest_outline


def _mask_of(draw, left: int = 40, top: int = 25, side: int = 200) -> RegionMask:
    binary = np.zeros((side, side), np.uint8)
    draw(binary)
    return RegionMask(left, top, binary.astype(np.float32), binary, (400, 500))


def _rectangle(binary: np.ndarray) -> None:
    corners = RotatedBox(100, 90, 90, 40, 0.4).corners_xy
    cv2.fillPoly(binary, [np.round(corners).astype(np.int32)], 1)


def _with_a_tail(binary: np.ndarray) -> None:
    """A body whose thin tail makes the smallest rectangle twice as long."""
    binary[80:120, 40:100] = 1
    binary[99:101, 100:170] = 1


def _iou(mask: RegionMask, box: RotatedBox) -> float:
    drawn = np.zeros(mask.image_size, np.uint8)
    cv2.fillPoly(drawn, [np.round(box.corners_xy).astype(np.int32)], 1)
    whole = mask.to_image_mask() > 0
    return float((whole & (drawn > 0)).sum() / (whole | (drawn > 0)).sum())


@pytest.mark.parametrize("strategy", ["mbr", "optimised"])
def test_a_rotated_rectangle_is_found_again(strategy: str) -> None:
    mask = _mask_of(_rectangle)
    outline, _ = largest_outline(mask)
    box = fit_box(strategy, mask, outline, previous_theta=0.4)
    assert (box.x, box.y) == pytest.approx((140, 115), abs=1.5)
    assert (box.width, box.height) == pytest.approx((90, 40), abs=3)
    assert box.theta == pytest.approx(0.4, abs=0.05)


def test_min_max_is_the_axis_aligned_box_of_the_outline() -> None:
    mask = _mask_of(_with_a_tail)
    outline, _ = largest_outline(mask)
    box = fit_box("min_max", mask, outline, previous_theta=0.0)
    assert box == RotatedBox(40 + (40 + 169) / 2, 25 + (80 + 119) / 2, 129.0, 39.0, 0.0)


def test_the_optimised_box_leaves_a_thin_tail_out() -> None:
    mask = _mask_of(_with_a_tail)
    outline, _ = largest_outline(mask)
    smallest = fit_box("mbr", mask, outline, previous_theta=0.0)
    best = fit_box("optimised", mask, outline, previous_theta=0.0)
    assert _iou(mask, best) > _iou(mask, smallest) + 0.2
    assert best.width < 75


@pytest.mark.parametrize("side", [30, 900])
def test_the_optimised_box_does_not_depend_on_the_scale(side: int) -> None:
    def ellipse(binary: np.ndarray) -> None:
        axes = (side * 3 // 10, side * 3 // 20)
        cv2.ellipse(binary, (side // 2, side // 2), axes, 30, 0, 360, 1, -1)

    mask = _mask_of(ellipse, 0, 0, side)
    mask = RegionMask(0, 0, mask.values, mask.binary, (side, side))
    outline, _ = largest_outline(mask)
    box = fit_box("optimised", mask, outline, previous_theta=0.5)
    assert box.theta == pytest.approx(math.radians(30), abs=0.12)
    # The best rectangle of an ellipse is smaller than the one around it, in this proportion.
    assert box.width / side == pytest.approx(0.6 * 0.86, rel=0.12)
