"""Depths under a mask: edges, holes and what stands before the target do not count."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.geometry.position import MIN_SIGMA_M, Depth, estimate_position, measure_depth

LENS = CameraModel(640, 480, (500.0, 400.0), (320.0, 240.0))


def square_mask(side_px: int = 40, margin_px: int = 5) -> NDArray[np.uint8]:
    return np.pad(np.ones((side_px, side_px), np.uint8), margin_px)


def scene(mask: NDArray[np.uint8], target_m: float, behind_m: float = 9.0) -> NDArray[np.float32]:
    return np.where(mask, target_m, behind_m).astype(np.float32)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(np.zeros((0, 0), np.uint8), id="no-picture"),
        pytest.param(np.zeros((20, 20), np.uint8), id="empty"),
        pytest.param(square_mask(3), id="nothing-but-edge"),
    ],
)
def test_a_mask_without_an_inner_part_has_no_depth(mask: NDArray[np.uint8]) -> None:
    assert measure_depth(mask, scene(mask, 2.0)) is None


def test_a_flat_target_has_its_depth_to_a_millimetre() -> None:
    mask = square_mask()
    assert measure_depth(mask, scene(mask, 2.0)) == Depth(2.0, MIN_SIGMA_M)


def test_the_edge_does_not_count() -> None:
    mask = square_mask()
    depth_m = scene(mask, 2.0)
    depth_m[mask != 0] = 9.0
    depth_m[10:-10, 10:-10] = 2.0
    assert measure_depth(mask, depth_m) == Depth(2.0, MIN_SIGMA_M)


@pytest.mark.parametrize("hole", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_holes_are_passed_over_and_too_many_of_them_are_no_measurement(hole: float) -> None:
    mask = square_mask()
    depth_m = scene(mask, 2.0)
    depth_m[:, ::2] = hole
    assert measure_depth(mask, depth_m) == Depth(2.0, MIN_SIGMA_M)
    depth_m[:] = hole
    depth_m[20:24, 20:24] = 2.0
    assert measure_depth(mask, depth_m) is None


def test_a_third_of_the_pixels_on_something_else_does_not_move_it() -> None:
    rng = np.random.default_rng(1)
    mask = square_mask(60)
    depth_m = scene(mask, 2.0) + rng.normal(0, 0.02, mask.shape).astype(np.float32)
    depth_m[rng.random(mask.shape) < 1 / 3] = 0.4
    depth = measure_depth(mask, depth_m)
    assert depth is not None
    assert depth.median_m == pytest.approx(2.0, abs=0.02)
    assert 0.02 < depth.sigma_m < 0.08


def test_the_spread_is_the_standard_deviation_of_the_pixels() -> None:
    mask = square_mask(100)
    noise = np.random.default_rng(2).normal(0, 0.05, mask.shape).astype(np.float32)
    depth = measure_depth(mask, scene(mask, 3.0) + noise)
    assert depth is not None
    assert depth.sigma_m == pytest.approx(0.05, rel=0.1)


def test_a_mask_that_fills_the_picture_has_no_edge() -> None:
    mask = np.ones((30, 30), np.uint8)
    assert measure_depth(mask, scene(mask, 1.5)) == Depth(1.5, MIN_SIGMA_M)


def test_a_large_target_is_measured_on_few_of_its_pixels() -> None:
    mask = square_mask(900, 20)
    depth_m = scene(mask, 2.0) + np.random.default_rng(4).normal(0, 0.03, mask.shape)
    depth = measure_depth(mask, depth_m.astype(np.float32))
    assert depth is not None
    assert depth.median_m == pytest.approx(2.0, abs=0.002)
    assert depth.sigma_m == pytest.approx(0.03, rel=0.1)


def test_a_position_lies_on_the_bearing_at_its_depth() -> None:
    (bearing,) = LENS.rays([(820, 240)])
    position = estimate_position(bearing, Depth(2.0, 0.1), 100.0, LENS)
    assert position is not None
    assert position.xyz_m == pytest.approx((2, 0, 2))
    covariance = position.covariance_m2
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > 0
    # Depth: 0.1 m. Middle: 5 px, at 2 m 0.02 m across with 500 px, and 0.025 m down with 400 px.
    assert covariance[2, 2] == pytest.approx(0.01)
    assert covariance[0, 0] == pytest.approx(0.01 + 0.0004)
    assert covariance[0, 2] == pytest.approx(0.01)
    assert covariance[1, 1] == pytest.approx(0.000625)


def test_a_direction_to_the_side_has_no_depth() -> None:
    for bearing in (np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), np.full(3, np.nan)):
        assert estimate_position(bearing, Depth(2.0, 0.1), 100.0, LENS) is None
