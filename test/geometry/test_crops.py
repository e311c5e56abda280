"""Square cut-outs, bit for bit those of a plain implementation that pads the whole picture."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.geometry.crops import context_side, crop_square, mean_bgr

HEIGHT, WIDTH = 60, 90
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
FILL = np.array([10.9, 128.5, 254.999])


def naive_crop(
    image: np.ndarray, center: tuple[float, float], side: int, out: int, fill: np.ndarray
) -> np.ndarray:
    """Pads the whole picture far enough on every side, cuts, resizes."""
    left = int(np.round(center[0] - (side + 1) / 2))
    top = int(np.round(center[1] - (side + 1) / 2))
    height, width = image.shape[:2]
    margin = side + max(abs(left), abs(top), height, width)
    padded = np.empty((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    padded[:] = fill.astype(np.uint8)
    padded[margin : margin + height, margin : margin + width] = image
    cut = padded[margin + top : margin + top + side, margin + left : margin + left + side]
    return cv2.resize(cut, (out, out), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        pytest.param(0, 0, 0.0, id="empty"),
        pytest.param(64, 64, 128.0, id="square"),
        pytest.param(30, 90, math.sqrt(90 * 150), id="upright"),
        pytest.param(90, 30, math.sqrt(90 * 150), id="lying"),
    ],
)
def test_context_is_half_of_both_sides(width: float, height: float, side: float) -> None:
    assert context_side(width, height) == pytest.approx(side)


@given(st.floats(1, 2000), st.floats(1, 2000), st.floats(0.1, 10))
def test_context_scales_with_the_box(width: float, height: float, factor: float) -> None:
    assert context_side(width * factor, height * factor) == pytest.approx(
        factor * context_side(width, height)
    )


@given(
    st.floats(-200, 300),
    st.floats(-200, 260),
    st.integers(1, 260),
    st.sampled_from([31, 127, 255]),
)
def test_a_crop_anywhere_is_the_naive_one(x: float, y: float, side: int, out: int) -> None:
    ours = crop_square(PICTURE, (x, y), side, out, FILL)
    assert np.array_equal(ours, naive_crop(PICTURE, (x, y), side, out, FILL))


@pytest.mark.parametrize(
    ("center", "side"),
    [
        pytest.param((45, 30), 31, id="inside"),
        pytest.param((3, 30), 31, id="over the left"),
        pytest.param((45, 2), 30, id="over the top"),
        pytest.param((88, 30), 31, id="over the right"),
        pytest.param((45, 58), 30, id="over the bottom"),
        pytest.param((0, 0), 50, id="over a corner"),
        pytest.param((45, 30), 300, id="larger than the picture"),
        pytest.param((-40, 30), 31, id="outside"),
        pytest.param((15.0, 15.0), 31, id="touches the border inside"),
        pytest.param((-16.0, 30.0), 31, id="ends one pixel before the picture"),
    ],
)
def test_a_crop_at_the_border_is_the_naive_one(center: tuple[float, float], side: int) -> None:
    for out in (side, 127, 255):
        ours = crop_square(PICTURE, center, side, out, FILL)
        assert np.array_equal(ours, naive_crop(PICTURE, center, side, out, FILL))


@pytest.mark.parametrize(
    ("x", "side", "left"),
    [
        # left = round(x − (side + 1) / 2), half to even.
        pytest.param(20.0, 9, 15, id="whole"),
        pytest.param(20.5, 9, 16, id="15.5 to the even 16"),
        pytest.param(21.5, 9, 16, id="16.5 to the even 16"),
        pytest.param(20.0, 10, 14, id="14.5 to the even 14"),
        pytest.param(21.0, 10, 16, id="15.5 to the even 16, even side"),
        pytest.param(20.4, 9, 15, id="15.4 down"),
        pytest.param(20.6, 9, 16, id="15.6 up"),
    ],
)
def test_a_crop_starts_where_half_to_even_rounding_says(x: float, side: int, left: int) -> None:
    ramp = np.tile(np.arange(WIDTH, dtype=np.uint8)[None, :, None], (HEIGHT, 1, 3))
    across = crop_square(ramp, (x, 30.0), side, side, FILL)
    down = crop_square(ramp.transpose(1, 0, 2).copy(), (30.0, x), side, side, FILL)
    assert across[0, :, 0].tolist() == list(range(left, left + side))
    assert down[:, 0, 0].tolist() == list(range(left, left + side))


def test_the_fill_colour_is_cut_to_uint8_not_rounded() -> None:
    crop = crop_square(PICTURE, (-200, -200), 31, 31, FILL)
    assert np.unique(crop.reshape(-1, 3), axis=0).tolist() == [[10, 128, 254]]
    over_the_left = crop_square(PICTURE, (0, 30), 31, 31, FILL)
    assert over_the_left[0, 0].tolist() == [10, 128, 254]


def test_the_mean_is_a_fraction_per_channel_in_bgr_order() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = (1, 2, 4)
    assert mean_bgr(picture).tolist() == [0.25, 0.5, 1.0]


def test_a_crop_leaves_the_picture_as_it_was_and_does_not_alias_it() -> None:
    before = PICTURE.copy()
    crop = crop_square(PICTURE, (45, 30), 31, 31, FILL)
    crop[:] = 0
    assert np.array_equal(PICTURE, before)
