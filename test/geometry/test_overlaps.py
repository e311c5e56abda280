"""Overlap of axis-aligned boxes with each other."""

from __future__ import annotations

import numpy as np
import pytest

from siammask_ros.geometry.boxes import overlaps_xywh

BOX = (10.0, 20.0, 40.0, 30.0)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(BOX, 1.0, id="itself"),
        pytest.param((30.0, 20.0, 40.0, 30.0), 1 / 3, id="half-of-it"),
        pytest.param((20.0, 25.0, 10.0, 10.0), 100 / 1200, id="inside"),
        pytest.param((50.0, 20.0, 40.0, 30.0), 0.0, id="beside-it"),
        pytest.param((500.0, 500.0, 40.0, 30.0), 0.0, id="far-away"),
    ],
)
def test_overlap_is_intersection_over_union(
    other: tuple[float, float, float, float], expected: float
) -> None:
    assert overlaps_xywh(np.array([BOX]), np.array([other]))[0, 0] == pytest.approx(expected)


def test_every_box_is_compared_with_every_other() -> None:
    boxes, others = np.array([BOX, BOX, BOX]), np.array([BOX, (0.0, 0.0, 5.0, 5.0)])
    assert overlaps_xywh(boxes, others).tolist() == [[1.0, 0.0]] * 3
    assert overlaps_xywh(np.zeros((0, 4)), others).shape == (0, 2)
