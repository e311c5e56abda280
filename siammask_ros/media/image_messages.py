"""Camera messages to pictures: everything is checked before anything is converted.

A message is whatever has the fields of sensor_msgs/Image or sensor_msgs/CompressedImage: one
that rclpy delivered, or one that was read from a bag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ImageError
from siammask_ros.media.image_header import size_in_header

Picture = NDArray[np.uint8]

NANOSECONDS = 1_000_000_000
# Sides of more pixels are no camera's; a node's limit is its parameter max_image_side.
MAX_SIDE_PX = 8192
# What image_transport calls a colour picture as JPEG.
JPEG_FORMAT = "bgr8; jpeg compressed bgr8"
_JPEG_QUALITY = 85


def to_jpeg(picture: Picture) -> Picture:
    """The data (n,) uint8 of a CompressedImage in JPEG_FORMAT, of a picture (H, W, 3) BGR."""
    _, encoded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return np.asarray(encoded, np.uint8).ravel()


class RefusedImage(ImageError):
    """A message that holds no usable picture; ``kind`` is the word it is counted under."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Encoding:
    """Bytes of a pixel, its numpy type and channels, and what makes BGR of it."""

    dtype: str
    channels: int
    to_bgr: Callable[[NDArray[Any]], Any]

    @property
    def pixel_bytes(self) -> int:
        return self.channels * np.dtype(self.dtype).itemsize


def _reordered(code: int) -> Callable[[NDArray[Any]], Any]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _gray16_to_bgr(pixels: NDArray[Any]) -> Any:
    return cv2.cvtColor(cv2.convertScaleAbs(pixels, alpha=255 / 65535), cv2.COLOR_GRAY2BGR)


_ENCODINGS = {
    "bgr8": _Encoding("u1", 3, lambda pixels: pixels),
    "rgb8": _Encoding("u1", 3, _reordered(cv2.COLOR_RGB2BGR)),
    "bgra8": _Encoding("u1", 4, _reordered(cv2.COLOR_BGRA2BGR)),
    "rgba8": _Encoding("u1", 4, _reordered(cv2.COLOR_RGBA2BGR)),
    "mono8": _Encoding("u1", 1, _reordered(cv2.COLOR_GRAY2BGR)),
    "mono16": _Encoding("u2", 1, _gray16_to_bgr),
}
SUPPORTED = ", ".join(_ENCODINGS)


def image_to_bgr(message: Any, max_side_px: int) -> Picture:
    """The picture in a message: (height, width, 3) uint8 BGR, read-only.

    For bgr8 it is a view of the message's memory, whatever its step. mono16 is scaled to 8 bits.
    Raises RefusedImage for an encoding that cannot be read here, sides outside 1 to
    ``max_side_px``, a step shorter than a row, or data that is not step × height bytes.
    """
    encoding = str(message.encoding)
    known = _ENCODINGS.get(encoding)
    if known is None:
        raise RefusedImage(
            "encoding", f"encoding {encoding[:40]!r} is not supported; expected one of: {SUPPORTED}"
        )
    check_sides(message.width, message.height, max_side_px)
    check_layout(message, known.pixel_bytes)
    picture = _converted(message, known)
    picture.flags.writeable = False
    return picture


def compressed_to_bgr(message: Any, max_side_px: int) -> Picture:
    """The picture in a compressed message: (height, width, 3) uint8 BGR, read-only.

    The size is read from the file's header before anything is decoded. Raises RefusedImage for
    what is neither JPEG nor PNG, too large, or damaged.
    """
    size = size_in_header(memoryview(message.data))
    if size is None:
        raise RefusedImage(
            "compressed",
            f"{len(message.data)} bytes hold no JPEG or PNG image; expected one of the two",
        )
    width, height = size
    check_sides(width, height, max_side_px)
    picture = _decoded(np.frombuffer(message.data, np.uint8))
    if picture is None or picture.shape[:2] != (height, width):
        raise RefusedImage(
            "compressed", f"{width}×{height} px image of {len(message.data)} bytes is damaged"
        )
    decoded = np.asarray(picture, np.uint8)
    decoded.flags.writeable = False
    return decoded


def image_to_mask(message: Any, max_side_px: int) -> Picture:
    """The mask in a mono8 message: (height, width) uint8, a view of its memory.

    Raises RefusedImage as ``image_to_bgr`` does.
    """
    if message.encoding != "mono8":
        raise RefusedImage(
            "encoding", f"encoding {str(message.encoding)[:40]!r} is no mask; expected mono8"
        )
    check_sides(message.width, message.height, max_side_px)
    check_layout(message, 1)
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return rows[:, : message.width]


def stamp_ns(header: Any) -> int:
    """A header's stamp in ns, 0 where it has none; raises RefusedImage for an impossible one."""
    seconds, nanoseconds = int(header.stamp.sec), int(header.stamp.nanosec)
    if seconds < 0 or nanoseconds >= NANOSECONDS:
        raise RefusedImage(
            "stamp",
            f"stamp {seconds} s + {nanoseconds} ns is no time; expected sec >= 0 and "
            "nanosec < 1000000000",
        )
    return seconds * NANOSECONDS + nanoseconds


def check_sides(width: int, height: int, max_side_px: int) -> None:
    """Raises RefusedImage for a side outside 1 to ``max_side_px``."""
    if not (1 <= width <= max_side_px and 1 <= height <= max_side_px):
        raise RefusedImage(
            "size",
            f"image is {width}×{height} px; expected sides from 1 to {max_side_px} "
            "(max_image_side)",
        )


def check_layout(message: Any, pixel_bytes: int) -> None:
    """Raises RefusedImage where step and data cannot hold pixels of so many bytes."""
    row_bytes = message.width * pixel_bytes
    if message.step < row_bytes:
        raise RefusedImage(
            "step",
            f"step {message.step} is shorter than a row of {row_bytes} bytes "
            f"({message.width} px of {message.encoding})",
        )
    expected, got = message.step * message.height, len(message.data)
    if got != expected:
        raise RefusedImage(
            "data",
            f"data has {got} bytes; expected {expected} (step {message.step} × "
            f"height {message.height})",
        )


def _decoded(data: NDArray[np.uint8]) -> NDArray[Any] | None:
    """The decoded picture, or None; OpenCV raises for some kinds of damage."""
    try:
        # A camera's picture is as wide as its camera_info says, whatever an EXIF tag suggests.
        return cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None


def _converted(message: Any, encoding: _Encoding) -> Picture:
    byte_order: Literal[">", "<"] = ">" if message.is_bigendian else "<"
    pixels: NDArray[Any] = np.ndarray(
        (message.height, message.width, encoding.channels),
        np.dtype(encoding.dtype).newbyteorder(byte_order),
        np.frombuffer(message.data, np.uint8),
        strides=(message.step, encoding.pixel_bytes, np.dtype(encoding.dtype).itemsize),
    )
    if encoding.dtype == "u2":
        # A step may be odd, and OpenCV reads the machine's own byte order only.
        pixels = pixels.astype(np.uint16)
    picture: Picture = np.asarray(encoding.to_bgr(pixels), np.uint8)
    return picture.reshape(message.height, message.width, 3)
