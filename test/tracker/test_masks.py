"""The pasted mask, pixel by pixel that of a warp over the whole picture; outlines and labels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siammask_ros.geometry.crops import crop_square
from siammask_ros.model.variants import Variant, get_variant
from siammask_ros.tracker.masks import (
    RegionMask,
    SearchSquare,
    label_map,
    largest_outline,
    paste_mask,
)

HEIGHT, WIDTH = 70, 100
THRESHOLD = 0.35
RESNET50, BASE, LITE = (get_variant(name) for name in ("resnet50", "resnet50_base", "lite"))
VARIANTS = {variant.name: variant for variant in (RESNET50, BASE, LITE)}
MASKS = {
    name: np.random.default_rng(0).random((variant.mask_size,) * 2, np.float32)
    for name, variant in VARIANTS.items()
}


def bilinear_over_the_picture(
    mask: np.ndarray, from_x: np.ndarray, from_y: np.ndarray
) -> np.ndarray:
    """The mask at these places (height, width), each neighbour outside of it being −1."""

    def at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
        rows, columns = rows.clip(0, size - 1), columns.clip(0, size - 1)
        return np.where(inside, mask[rows, columns].astype(np.float64), -1.0)

    size = len(mask)
    # So far outside that all four neighbours are −1.
    from_x, from_y = from_x.clip(-9, size + 9), from_y.clip(-9, size + 9)
    left, top = np.floor(from_x).astype(int), np.floor(from_y).astype(int)
    right_share, lower_share = from_x - left, from_y - top
    upper = at(top, left) * (1 - right_share) + at(top, left + 1) * right_share
    lower = at(top + 1, left) * (1 - right_share) + at(top + 1, left + 1) * right_share
    return upper * (1 - lower_share) + lower * lower_share


def authors_paste(
    mask: np.ndarray, center: tuple[float, float], side: int, cell: tuple[int, int]
) -> np.ndarray:
    """Step 5 of the online tracking over the whole picture; the warp maps width to width − 1."""
    row, column = cell
    crop_x, crop_y = center[0] - side / 2, center[1] - side / 2
    q = side / 255
    sub_x, sub_y = crop_x + (column - 4) * 8 * q, crop_y + (row - 4) * 8 * q
    values_per_px = len(mask) / (q * 127)
    # Where the picture lies on the mask, and the warp that brings it there.
    back_x, back_y = -sub_x * values_per_px, -sub_y * values_per_px
    back_width, back_height = WIDTH * values_per_px, HEIGHT * values_per_px
    a, b = (WIDTH - 1) / back_width, (HEIGHT - 1) / back_height
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return bilinear_over_the_picture(mask, x / a + back_x, y / b + back_y)


def exact_paste(
    mask: np.ndarray, center: tuple[float, float], side: int, cell: tuple[int, int]
) -> np.ndarray:
    """The mask where the crop was cut: at whole pixels, and resized about pixel middles."""
    row, column = cell
    left, top = (int(np.round(value - (side + 1) / 2)) for value in center)
    q = side / 255
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    crop_x, crop_y = (x - left + 0.5) / q - 0.5, (y - top + 0.5) / q - 0.5
    return bilinear_over_the_picture(mask, crop_x - (column - 4) * 8, crop_y - (row - 4) * 8)


def reference(
    variant: Variant, center: tuple[float, float], side: int, cell: tuple[int, int]
) -> np.ndarray:
    way = exact_paste if variant.exact_paste else authors_paste
    return way(MASKS[variant.name], center, side, cell)


def pasted(
    variant: Variant, center: tuple[float, float], side: int, cell: tuple[int, int]
) -> RegionMask:
    square = SearchSquare.around(center, side, variant)
    return paste_mask(MASKS[variant.name], square, cell, (HEIGHT, WIDTH), variant, THRESHOLD)


PLACES = {
    "inside": ((50, 35), 61, (12, 12)),
    "a fraction": ((50.37, 35.81), 67, (11, 14)),
    "half pixels": ((50.5, 34.5), 64, (12, 12)),
    "one to one": ((50.3, 35), 255, (12, 12)),
    "larger than the picture": ((50, 35), 700, (12, 13)),
    "over the left": ((3.2, 35), 80, (12, 5)),
    "over the right": ((98.7, 35), 80, (12, 20)),
    "over the top": ((50, 1.1), 80, (3, 12)),
    "over the bottom": ((50, 69.9), 80, (22, 12)),
    "over a corner": ((0.0, 0.0), 90, (9, 9)),
    "ends one pixel inside": ((-14.4, 35), 60, (12, 12)),
    "outside": ((-300.0, 35), 60, (12, 12)),
    "outside below": ((50, 900.0), 60, (0, 24)),
    "first cell": ((50, 35), 90, (0, 0)),
    "last cell": ((50, 35), 90, (24, 24)),
    "very small": ((50, 35), 3, (12, 12)),
}


@pytest.mark.parametrize(("center", "side", "cell"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", VARIANTS)
def test_not_one_pixel_differs_from_the_paste_over_the_whole_picture(
    name: str, center: tuple[float, float], side: int, cell: tuple[int, int]
) -> None:
    region = pasted(VARIANTS[name], center, side, cell)
    expected = reference(VARIANTS[name], center, side, cell)

    assert np.array_equal(region.to_image_mask() > 0, expected > THRESHOLD)
    assert np.allclose(region.values, expected[region.window], atol=1e-5)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[region.window] = False
    assert (expected[outside] <= THRESHOLD).all()


@settings(max_examples=50)
@given(
    name=st.sampled_from(sorted(VARIANTS)),
    x=st.floats(-60, 160),
    y=st.floats(-60, 130),
    side=st.integers(10, 500),
    row=st.integers(0, 24),
    column=st.integers(0, 24),
)
def test_a_paste_anywhere_is_the_paste_over_the_whole_picture(
    name: str, x: float, y: float, side: int, row: int, column: int
) -> None:
    region = pasted(VARIANTS[name], (x, y), side, (row, column))
    expected = reference(VARIANTS[name], (x, y), side, (row, column))
    # Sums of single precision: a value this near to the threshold may fall to either side.
    clear = np.abs(expected - THRESHOLD) > 1e-5
    assert np.array_equal((region.to_image_mask() > 0)[clear], (expected > THRESHOLD)[clear])


def test_the_authors_paste_from_the_unrounded_center_not_from_the_rounded_crop() -> None:
    square = SearchSquare.around((100.3, 80.7), 151, RESNET50)
    assert (square.left_in_image, square.top_in_image) == pytest.approx((24.8, 5.2))
    assert square.scale == 151 / 255


@pytest.mark.parametrize("variant", [RESNET50, LITE], ids=lambda variant: variant.name)
def test_only_the_target_s_own_rectangle_is_computed(variant: Variant) -> None:
    size = variant.mask_size
    mask = np.zeros((size, size), np.float32)
    mask[size // 2, size // 4 : size // 2] = 1
    square = SearchSquare.around((50, 35), 255, variant)
    region = paste_mask(mask, square, (12, 12), (HEIGHT, WIDTH), variant, THRESHOLD)
    rows, columns = np.nonzero(region.binary)
    assert len(rows) > 0
    # At one pixel a value, two neighbours and one more for rounding on each side.
    assert region.binary.shape[0] <= np.ptp(rows) + 1 + 6
    assert region.binary.shape[1] <= np.ptp(columns) + 1 + 6


@pytest.mark.parametrize("side", [90, 151, 255, 330])
@pytest.mark.parametrize("center", [(160.0, 120.0), (160.4, 119.7)], ids=str)
def test_an_exact_paste_lies_where_the_crop_saw_the_thing(
    center: tuple[float, float], side: int
) -> None:
    """A disc is cropped, taken from the crop as its cell's mask, and pasted back."""
    picture = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(picture, (164, 117), side // 12, (255, 255, 255), -1)
    crop = crop_square(picture, center, side, 255, np.zeros(3))
    window = crop[64 : 64 + 128, 64 : 64 + 128, 0].astype(np.float32) / 255
    square = SearchSquare.around(center, side, LITE)

    region = paste_mask(window, square, (12, 12), (240, 320), LITE, 0.5)

    truth = picture[..., 0] > 0
    assert np.abs(centroid(region.to_image_mask() > 0) - centroid(truth)).max() < 0.15
    common = np.count_nonzero(truth & (region.to_image_mask() > 0))
    assert common / np.count_nonzero(truth | (region.to_image_mask() > 0)) > 0.9


def centroid(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


@pytest.mark.parametrize("name", VARIANTS)
def test_c2_a_mask_without_a_value_above_the_threshold_is_empty(name: str) -> None:
    variant = VARIANTS[name]
    square = SearchSquare.around((50, 35), 60, variant)
    nothing = np.full((variant.mask_size,) * 2, THRESHOLD - 1e-3, np.float32)
    region = paste_mask(nothing, square, (12, 12), (HEIGHT, WIDTH), variant, THRESHOLD)
    assert region.area_px == 0
    assert not region.to_image_mask().any()
    assert largest_outline(region)[0].shape == (0, 2)


@pytest.mark.parametrize("name", VARIANTS)
def test_c2_a_mask_off_the_picture_is_empty(name: str) -> None:
    region = pasted(VARIANTS[name], (-500, -500), 60, (12, 12))
    assert region.area_px == 0
    assert region.to_image_mask().shape == (HEIGHT, WIDTH)
    outline, area = largest_outline(region)
    assert outline.shape == (0, 2) and area == 0


def region_of(binary: np.ndarray, left: int = 0, top: int = 0, value: float = 1.0) -> RegionMask:
    values = np.where(binary > 0, value, -1.0).astype(np.float32)
    return RegionMask(left, top, values, binary.astype(np.uint8), (HEIGHT, WIDTH))


def test_no_part_has_no_outline() -> None:
    outline, area = largest_outline(region_of(np.zeros((5, 5))))
    assert outline.shape == (0, 2)
    assert outline.dtype == np.int32
    assert area == 0.0


@pytest.mark.parametrize("small_at", [(2, 2), (24, 30)], ids=["before", "after"])
def test_the_outline_is_that_of_the_largest_part_in_the_picture_and_keeps_every_point(
    small_at: tuple[int, int],
) -> None:
    binary = np.zeros((30, 40))
    binary[small_at[0] : small_at[0] + 4, small_at[1] : small_at[1] + 4] = 1
    binary[10:20, 10:25] = 1
    binary[13:15, 14:17] = 0  # a hole has no outline of its own
    outline, area = largest_outline(region_of(binary, left=7, top=5))
    assert outline.min(axis=0).tolist() == [17, 15]
    assert outline.max(axis=0).tolist() == [31, 24]
    assert len(outline) == 2 * (15 + 10) - 4
    assert area == 14 * 9


def test_one_pixel_has_an_outline_without_area() -> None:
    binary = np.zeros((5, 5))
    binary[2, 3] = 1
    outline, area = largest_outline(region_of(binary))
    assert (outline.tolist(), area) == ([[3, 2]], 0.0)


def test_no_masks_give_no_labels() -> None:
    assert not label_map([], (HEIGHT, WIDTH)).any()
    assert not label_map([None, None], (HEIGHT, WIDTH)).any()


@pytest.mark.parametrize(
    ("first", "second", "winner"), [(0.6, 0.9, 2), (0.9, 0.6, 1), (0.7, 0.7, 1)], ids=str
)
def test_where_targets_overlap_the_larger_value_wins(
    first: float, second: float, winner: int
) -> None:
    one = region_of(np.ones((10, 10)), left=0, top=0, value=first)
    other = region_of(np.ones((10, 10)), left=5, top=5, value=second)
    labels = label_map([one, other], (HEIGHT, WIDTH))
    assert labels[2, 2] == 1
    assert labels[12, 12] == 2
    assert np.unique(labels[5:10, 5:10]).tolist() == [winner]
    assert not labels[15:, :].any() and not labels[:, 15:].any()


def test_a_target_without_a_mask_keeps_its_number() -> None:
    labels = label_map([None, region_of(np.ones((4, 4)))], (HEIGHT, WIDTH))
    assert np.unique(labels).tolist() == [0, 2]


def test_a_large_value_below_its_threshold_takes_no_pixel() -> None:
    binary = np.zeros((4, 4))
    loud = RegionMask(0, 0, np.ones((4, 4), np.float32), binary.astype(np.uint8), (HEIGHT, WIDTH))
    quiet = region_of(np.ones((4, 4)), value=0.4)
    assert np.unique(label_map([loud, quiet], (HEIGHT, WIDTH))[:4, :4]).tolist() == [2]
