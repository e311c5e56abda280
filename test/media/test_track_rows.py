"""Lines of JSON: what is documented is what is written, and a box survives its corners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.documented_rows import check_row, documented_fields

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.media.recording import plain
from siammask_ros.media.track_rows import box_of_corners, frame_row, target_row

BOX = RotatedBox(100.0, 80.0, 40.0, 20.0, 0.3)


def test_the_document_names_every_field() -> None:
    frame_fields, target_fields = documented_fields()
    assert len(frame_fields) == 8
    assert len(target_fields) == 8


@pytest.mark.parametrize("score", [0.75, float("nan")])
def test_a_row_is_as_documented(score: float) -> None:
    contours = (np.array([[1, 2], [5, 2], [5, 9]], np.int32),)
    corners = BOX.corners_xy
    tracked = DrawnTarget("1", "TRACKING", "", score, corners, contours)
    lost = DrawnTarget("red boat", "LOST", "score 0.10 below 0.50", score, corners)
    targets = [target_row(tracked, BOX, 20), target_row(lost, BOX, 0)]
    check_row(plain(frame_row(targets, frame=3, stamp_s=0.12, stamp_ns=5)))
    check_row(plain(frame_row([], frame=None, stamp_s=0.0, stamp_ns=None, answered=False)))


def test_a_row_with_another_field_is_noticed() -> None:
    row = plain(frame_row([], frame=3, stamp_s=0.12, stamp_ns=5))
    with pytest.raises(AssertionError):
        check_row({**row, "extra": 1})
    with pytest.raises(AssertionError, match="stamp_s"):
        check_row({**row, "stamp_s": "0.12"})


@given(
    x=st.floats(-1000, 1000),
    y=st.floats(-1000, 1000),
    width=st.floats(1, 500),
    height=st.floats(1, 500),
    theta=st.floats(-3.1, 3.1),
)
def test_a_box_is_the_same_again_from_its_corners(
    x: float, y: float, width: float, height: float, theta: float
) -> None:
    found = box_of_corners(RotatedBox(x, y, width, height, theta).corners_xy)
    assert (found.x, found.y) == pytest.approx((x, y), abs=1e-6)
    assert (found.width, found.height) == pytest.approx((width, height))
    assert math.cos(found.theta - theta) == pytest.approx(1.0)
