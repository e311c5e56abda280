"""Starting from a mask, as a segmenter gives it, over real ROS 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.moving_square import SIDE_PX, square_center
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.media.image_messages import RefusedImage, image_to_mask
from siammask_ros.ros.tracking_io.messages import build_image

WARN = 1
TOPIC = f"{NODE}/init_mask"


def square_mask(index: int, width: int = 320, height: int = 240) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    x, y = square_center(index)
    left, top = round(x - SIDE_PX / 2), round(y - SIDE_PX / 2)
    mask[top : top + SIDE_PX, left : left + SIDE_PX] = 255
    return mask


def test_what_a_mask_covers_is_followed_from_the_image_that_it_was_made_on() -> None:
    with NodeBench() as bench:
        masks = bench.publisher(Image, TOPIC)
        first = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", first)
        for index in range(1, 4):
            bench.client.answer(index)
        masks.publish(build_image(first, square_mask(0)))
        wait_until(lambda: "1" in bench.session.health().statuses, "the target")
        bench.assert_tracks(4)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        pytest.param(np.zeros((240, 320), np.uint8), "mask is empty", id="empty"),
        pytest.param(square_mask(1)[:120, :160], "mask is 160×120 px", id="another-size"),
        pytest.param(np.zeros((240, 320, 3), np.uint8), "'bgr8' is no mask", id="a-picture"),
    ],
)
def test_a_useless_mask_is_refused_and_told_and_the_target_goes_on(mask: Any, words: str) -> None:
    with NodeBench() as bench:
        masks = bench.publisher(Image, TOPIC)
        bench.started(0)
        bench.assert_tracks(1)
        masks.publish(build_image(Header(), mask))
        bench.client.wait_for_status("targets", WARN, words)
        answer = bench.assert_tracks(2)
        assert [track.id for track in answer.tracks] == ["1"]
        masks.publish(build_image(Header(), square_mask(2)))
        wait_until(lambda: len(bench.session.health().statuses) == 2, "a second target")
        bench.assert_tracks(3, "2")


def test_a_padded_mask_is_read_without_its_padding() -> None:
    mask = square_mask(1)
    message = build_image(Header(), np.pad(mask, ((0, 0), (0, 7)), constant_values=9))
    message.width = 320
    assert np.array_equal(image_to_mask(message, 1000), mask)


def test_a_mask_that_is_cut_short_is_refused() -> None:
    message = build_image(Header(), square_mask(1))
    message.data = message.data[:-1]
    with pytest.raises(RefusedImage, match="data has 76799 bytes"):
        image_to_mask(message, 1000)
