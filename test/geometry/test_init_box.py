"""Which boxes may start a target (faults B1 to B5), and which box a mask gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh, validate_init_box

WIDTH, HEIGHT = 640, 480
GOOD = RotatedBox(320, 240, 100, 60)


def checked(box: RotatedBox) -> RotatedBox:
    return validate_init_box(box, WIDTH, HEIGHT)


def test_a_good_box_is_taken_as_it_is() -> None:
    assert checked(GOOD) == GOOD


def test_a_rotated_box_inside_the_picture_keeps_its_angle() -> None:
    box = RotatedBox(320, 240, 100, 60, 0.7)
    assert checked(box) == box


@pytest.mark.parametrize("field", ["x", "y", "width", "height", "theta"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
def test_b1_a_number_that_is_not_finite_is_refused(field: str, value: float) -> None:
    values = {"x": 320.0, "y": 240.0, "width": 100.0, "height": 60.0, "theta": 0.0}
    with pytest.raises(BoxError, match="not finite"):
        checked(RotatedBox(**{**values, field: value}))


@pytest.mark.parametrize("field", ["x", "y", "width", "height", "theta"])
@pytest.mark.parametrize("value", [1e7, -1e300], ids=str)
def test_b1_a_huge_number_is_refused(field: str, value: float) -> None:
    values = {"x": 320.0, "y": 240.0, "width": 100.0, "height": 60.0, "theta": 0.0}
    with pytest.raises(BoxError, match="beyond"):
        checked(RotatedBox(**{**values, field: value}))


@pytest.mark.parametrize(
    "drawn_xywh",
    [
        pytest.param((370, 210, -100, 60), id="right to left"),
        pytest.param((270, 270, 100, -60), id="bottom up"),
        pytest.param((370, 270, -100, -60), id="both"),
    ],
)
def test_b2_a_box_drawn_backwards_is_turned_round(drawn_xywh: tuple[float, ...]) -> None:
    assert checked(RotatedBox.from_xywh(drawn_xywh)) == GOOD


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(RotatedBox(320, 240, 0, 0), id="zero"),
        pytest.param(RotatedBox(320, 240, 1, 1), id="one pixel"),
        pytest.param(RotatedBox(320, 240, 7.99, 60), id="narrow"),
        pytest.param(RotatedBox(320, 240, 100, 7.99), id="low"),
        pytest.param(RotatedBox.from_xywh((-95, 200, 100, 60)), id="narrow after clipping"),
    ],
)
def test_b3_a_side_below_8_px_is_refused(box: RotatedBox) -> None:
    with pytest.raises(BoxError, match="at least 8×8 px after clipping"):
        checked(box)


def test_b3_a_side_of_8_px_is_taken() -> None:
    box = RotatedBox(320, 240, 8, 8)
    assert checked(box) == box


@pytest.mark.parametrize(
    ("x", "y"),
    [(-51, 240), (691, 240), (320, -31), (320, 511)],
    ids=["left", "right", "up", "down"],
)
def test_b4_a_box_outside_the_picture_is_refused(x: float, y: float) -> None:
    with pytest.raises(BoxError, match="outside the 640×480 image"):
        checked(RotatedBox(x, y, 100, 60))


@pytest.mark.parametrize(
    ("box", "clipped_xywh"),
    [
        pytest.param(RotatedBox(0, 240, 100, 60), (0, 210, 50, 60), id="left"),
        pytest.param(RotatedBox(640, 240, 100, 60), (590, 210, 50, 60), id="right"),
        pytest.param(RotatedBox(320, 0, 100, 60), (270, 0, 100, 30), id="top"),
        pytest.param(RotatedBox(320, 480, 100, 60), (270, 450, 100, 30), id="bottom"),
        pytest.param(RotatedBox(320, 240, 5000, 5000), (0, 0, 640, 480), id="b5 larger"),
        pytest.param(
            RotatedBox(0, 240, 100, 60, math.pi / 2), (0, 190, 30, 100), id="rotated over the left"
        ),
    ],
)
def test_b4_a_box_over_the_border_is_clipped_and_unrotated(
    box: RotatedBox, clipped_xywh: tuple[float, ...]
) -> None:
    clipped = checked(box)
    assert clipped.theta == 0
    assert clipped.bounding_xywh == pytest.approx(clipped_xywh)


@pytest.mark.parametrize(
    ("width_px", "height_px", "box"),
    [
        pytest.param(100_000, 480, RotatedBox(50_000, 240, 80_000, 8), id="10,000:1"),
        pytest.param(2000, 480, RotatedBox(1000, 240, 809, 8), id="101:1"),
        pytest.param(640, 2000, RotatedBox(320, 1000, 8, 809), id="1:101"),
    ],
)
def test_b5_extreme_sides_are_refused(width_px: int, height_px: int, box: RotatedBox) -> None:
    with pytest.raises(BoxError, match="at most 100:1"):
        validate_init_box(box, width_px, height_px)


@given(
    st.builds(
        RotatedBox,
        st.floats(allow_nan=True),
        st.floats(allow_nan=True),
        st.floats(allow_nan=True),
        st.floats(allow_nan=True),
        st.floats(allow_nan=True),
    )
    | st.builds(
        RotatedBox,
        st.floats(-100, 800),
        st.floats(-100, 600),
        st.floats(-900, 900),
        st.floats(-900, 900),
        st.floats(-10, 10),
    )
)
def test_any_box_is_refused_or_lies_in_the_picture(box: RotatedBox) -> None:
    try:
        taken = checked(box)
    except BoxError:
        return
    left, top, width, height = taken.bounding_xywh
    assert left >= -1e-9 and top >= -1e-9
    assert left + width <= WIDTH + 1e-9 and top + height <= HEIGHT + 1e-9
    assert min(taken.width, taken.height) >= 8
    assert -math.pi < taken.theta <= math.pi
    assert checked(taken).bounding_xywh == pytest.approx(taken.bounding_xywh)


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(BoxError, match="mask is empty"):
        mask_bounding_xywh(np.zeros((4, 5), np.uint8))
    with pytest.raises(BoxError, match="mask is empty"):
        mask_bounding_xywh(np.zeros((0, 0), np.uint8))


@pytest.mark.parametrize(
    ("pixels", "box_xywh"),
    [
        pytest.param([(2, 3)], (3, 2, 1, 1), id="one pixel"),
        pytest.param([(0, 0), (3, 4)], (0, 0, 5, 4), id="both corners"),
        pytest.param([(1, 4), (2, 1)], (1, 1, 4, 2), id="two parts"),
    ],
)
def test_the_box_of_a_mask(
    pixels: list[tuple[int, int]], box_xywh: tuple[int, int, int, int]
) -> None:
    mask = np.zeros((4, 5), np.uint8)
    for row, column in pixels:
        mask[row, column] = 255
    assert mask_bounding_xywh(mask) == box_xywh
    assert mask_bounding_xywh(mask.astype(bool)) == box_xywh
