"""The images that speed is measured on."""

from __future__ import annotations

import numpy as np
import pytest

from siammask_ros.errors import ConfigError
from siammask_ros.evaluation.speed.scene import SIDE_PX, SIZES, make_moving_squares, parse_size
from siammask_ros.geometry.boxes import validate_init_box


@pytest.mark.parametrize("targets", [1, 2, 8, 20])
@pytest.mark.parametrize("size", ["480p", "1080p"])
def test_every_target_is_whole_on_every_picture(size: str, targets: int) -> None:
    scene = make_moving_squares(size, targets)
    height, width = SIZES[size]
    for image, boxes in zip(scene.images, scene.boxes, strict=True):
        assert image.shape == (height, width, 3)
        assert image.dtype == np.uint8
        assert len(boxes) == targets
        for box in boxes:
            assert validate_init_box(box, width, height) == box
            left, top, *_ = (round(value) for value in box.bounding_xywh)
            square = image[top : top + SIDE_PX, left : left + SIDE_PX]
            assert square.min() >= 120, "nothing covers it"


def test_targets_move_and_keep_their_pixels() -> None:
    scene = make_moving_squares("480p", 1)
    squares = []
    for image, (box,) in zip(scene.images, scene.boxes, strict=True):
        left, top, *_ = (round(value) for value in box.bounding_xywh)
        squares.append(image[top : top + SIDE_PX, left : left + SIDE_PX])
    assert len({boxes[0].x for boxes in scene.boxes}) == len(scene.boxes)
    assert all(np.array_equal(square, squares[0]) for square in squares)


def test_a_larger_picture_has_the_same_targets() -> None:
    assert make_moving_squares("480p", 3).boxes == make_moving_squares("4k", 3).boxes


def test_an_unknown_size_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="480p"):
        parse_size("480")
