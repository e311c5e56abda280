"""The grid of reference boxes, with the sizes that the published weights were trained with."""

from __future__ import annotations

import numpy as np
import pytest

from siammask_ros.geometry.anchors import anchor_grid, anchor_sizes
from siammask_ros.model.variants import VARIANTS

# Ratio (h/w): width × height. Cut to whole pixels before scaling; 111×37 without the cut.
SIZES = {0.33: (104, 32), 0.5: (88, 40), 1.0: (64, 64), 2.0: (40, 80), 3.0: (32, 96)}


def test_no_ratios_give_no_anchors() -> None:
    assert anchor_sizes([], 8, 8).size == 0


@pytest.mark.parametrize(("ratio", "size"), SIZES.items(), ids=str)
def test_a_size_is_cut_to_whole_pixels_before_scaling(ratio: float, size: tuple[int, int]) -> None:
    assert anchor_sizes([ratio], 8, 8).tolist() == [list(size)]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_network_has_the_five_anchors(name: str) -> None:
    variant = VARIANTS[name]
    sizes = anchor_sizes(variant.anchor_ratios, variant.anchor_scale, variant.stride)
    assert sizes.tolist() == [list(size) for size in SIZES.values()]


def test_centers_are_offsets_from_the_crops_middle_x_first() -> None:
    centers, sizes = anchor_grid([1.0], 8, 8, 25)
    offsets = np.arange(-96, 97, 8)
    assert centers.shape == (2, 25, 25)
    assert sizes.shape == (1, 2)
    assert np.array_equal(centers[0], np.tile(offsets, (25, 1)))
    assert np.array_equal(centers[1], np.tile(offsets, (25, 1)).T)
