"""A calibrated node with depth images of the moving square before a wall."""

from __future__ import annotations

from array import array

import numpy as np
from sensor_msgs.msg import Image
from siammask_ros.msg import Track
from std_msgs.msg import Header
from support.calibrated_camera import CameraInfos
from support.moving_square import SIDE_PX, square_center
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until

TARGET_M, BEHIND_M = 2.5, 6.0


def depths_m(index: int, width: int = 320, height: int = 240) -> np.ndarray:
    """The scene of picture ``index``: the square before a wall."""
    depths = np.full((height, width), BEHIND_M)
    x, y = square_center(index)
    left, top = round(x - SIDE_PX / 2), round(y - SIDE_PX / 2)
    depths[top : top + SIDE_PX, left : left + SIDE_PX] = TARGET_M
    return depths


def depth_message(header: Header, depths: np.ndarray, encoding: str = "16UC1") -> Image:
    kind = {"16UC1": "<u2", "32FC1": "<f4"}[encoding]
    pixels = (depths * 1000 if encoding == "16UC1" else depths).astype(kind)
    height, width = pixels.shape
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        step=width * pixels.itemsize,
        data=array("B", pixels.tobytes()),
    )


class DepthBench:
    """A calibrated node, and depth images that come before the images they belong to."""

    def __init__(self, bench: NodeBench) -> None:
        self.bench = bench
        bench.started(0)
        CameraInfos(bench).until_told("from")
        self._publisher = bench.publisher(Image, "/depth")

    def track(self, index: int, message: Image) -> Track:
        """The track on a picture; the depth image has been heard before the picture is sent."""
        depths = self.bench.node._pipeline.localizer._depths
        before = (depths._known, depths._refusal)
        self._publisher.publish(message)
        wait_until(lambda: (depths._known, depths._refusal) != before, "the depth to be heard")
        image = Header(stamp=message.header.stamp, frame_id="camera")
        self.bench.client.send(index, image)
        return assert_on_square(self.bench.client.of_stamp(f"{NODE}/tracks", image), index)

    def header(self) -> Header:
        return self.bench.client.header()
