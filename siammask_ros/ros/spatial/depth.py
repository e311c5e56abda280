"""Keeps depth images that are registered to the camera image, until a result needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from siammask_ros.media.image_messages import RefusedImage, check_rows, check_sides, stamp_ns
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.spatial.sensor_topic import SensorTopic
from siammask_ros.session import Frame

# NumPy type, and the unit in metres.
_ENCODINGS = {"16UC1": ("u2", 0.001), "32FC1": ("f4", 1.0)}

# A result is a few images late, and its depth image may arrive before or after its image.
MOST_KEPT = 16
MOST_KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class DepthImage:
    """Depths (height, width) in units of ``unit_m``, as a view of the message."""

    pixels: NDArray[Any]
    unit_m: float
    stamp_ns: int
    frame_id: str

    def metres(self, window: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return the depths of a part of the image; holes are zero, negative or not finite."""
        part = self.pixels[window].astype(np.float32)
        return np.asarray(part * np.float32(self.unit_m), np.float32)


class DepthImages(SensorTopic):
    """Subscribes to `depth` until closed; ``config`` returns the current parameters."""

    def __init__(self, node: Node, guard: CallbackGuard, config: Callable[[], NodeConfig]) -> None:
        self._config = config
        super().__init__(node, guard, Image, "depth", self._on_depth, "depth image", "position")

    def find(self, frame: Frame) -> DepthImage | None:
        """Return the depth image that was taken with this frame, or None."""
        kept: tuple[DepthImage, ...] = self._known or ()
        if not kept:
            return None
        nearest = min(kept, key=lambda image: abs(image.stamp_ns - frame.stamp_ns))
        max_offset_s = self._config().depth_max_offset_s
        return nearest if self._fits(_describe_mismatch(nearest, frame, max_offset_s)) else None

    def _on_depth(self, message: Image) -> None:
        try:
            image = read_depth_image(message, self._config().max_image_side)
        except RefusedImage as error:
            self._refuse(error)
            return
        most = max(min(MOST_KEPT, MOST_KEPT_BYTES // len(message.data)), 1)
        same = (kept for kept in self._known or () if kept.pixels.shape == image.pixels.shape)
        self._known = (*same, image)[-most:]
        self._refusal = ""


def read_depth_image(message: Image, max_side_px: int) -> DepthImage:
    """Return the depths in a message without a copy; raises RefusedImage if it has none."""
    encoding = str(message.encoding)
    if encoding not in _ENCODINGS:
        raise RefusedImage(
            "encoding",
            f"encoding {encoding[:40]!r} is no depth; expected 16UC1 (mm) or 32FC1 (m)",
        )
    kind, unit_m = _ENCODINGS[encoding]
    dtype = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    check_sides(message.width, message.height, max_side_px)
    rows = check_rows(message, message.width * dtype.itemsize, message.height)
    pixels: NDArray[Any] = np.ndarray(
        (message.height, message.width),
        dtype,
        rows,
        strides=(message.step, dtype.itemsize),
    )
    return DepthImage(pixels, unit_m, stamp_ns(message.header), message.header.frame_id)


def _describe_mismatch(depth: DepthImage, frame: Frame, max_offset_s: float) -> str:
    """Return why this depth image does not fit the frame, or an empty text."""
    if depth.pixels.shape != frame.size:
        (height, width), (rows, columns) = frame.size, depth.pixels.shape
        return (
            f"depth image is {columns}×{rows} px and the image {width}×{height}; expected one that "
            "is registered to it"
        )
    if depth.frame_id and frame.frame_id and depth.frame_id != frame.frame_id:
        return (
            f"depth image is of frame {depth.frame_id[:40]!r} and the image of "
            f"{frame.frame_id[:40]!r}; expected one that is registered to it"
        )
    offset_s = abs(depth.stamp_ns - frame.stamp_ns) / 1e9
    if not (depth.stamp_ns and frame.stamp_ns and offset_s <= max_offset_s):
        return (
            f"nearest depth image is {offset_s:.3f} s from the image; expected at most "
            f"{max_offset_s:g} s (depth_max_offset_s)"
        )
    return ""
