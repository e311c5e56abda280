"""Camera messages to images: everything is checked before anything is converted.

A message is whatever has the fields of sensor_msgs/Image or sensor_msgs/CompressedImage: one
that rclpy delivered, or one that was read from a bag.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ImageError
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.encodings import ASSUMED, ENCODINGS, SUPPORTED
from siammask_ros.media.image_header import size_in_header

ImageArray = NDArray[np.uint8]

NANOSECONDS = 1_000_000_000
# Sides of more pixels are no camera's; a node's limit is its parameter max_image_side.
MAX_SIDE_PX = 8192
# What image_transport calls a colour image as JPEG.
JPEG_FORMAT = "bgr8; jpeg compressed bgr8"
_JPEG_QUALITY = 85
# A camera's image is as wide as its camera_info says, whatever an EXIF tag suggests.
_AS_IT_IS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION

_log = logging.getLogger(__name__)


def to_jpeg(image: ImageArray) -> ImageArray:
    """The data (n,) uint8 of a CompressedImage in JPEG_FORMAT, of an image (H, W, 3) BGR."""
    _, encoded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return np.asarray(encoded, np.uint8).ravel()


class RefusedImage(ImageError):
    """A message that holds no usable image; ``kind`` is the word it is counted under."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def image_to_bgr(
    message: Any, max_side_px: int, stretch: ContrastStretch | None = None
) -> ImageArray:
    """The image in a message: (height, width, 3) uint8 BGR, read-only.

    For bgr8 it is a view of the message's memory, whatever its step. 16 bits are brought to 8 by
    ``stretch``, the stream's own; None: as if this were the only image. Raises RefusedImage for an
    encoding that cannot be read here, sides outside 1 to ``max_side_px``, a step shorter than a
    row, or data that is not of the length that step and height ask for.
    """
    name = str(message.encoding)
    encoding = ENCODINGS.get(name)
    if encoding is None:
        raise describe_unsupported(message)
    width, height = message.width, message.height
    check_sides(width, height, max_side_px)
    rows = check_rows(message, encoding.row_bytes(width), encoding.row_count(height))
    if name in ASSUMED:
        _warn_once(f"encoding {name} does not say what its numbers are: read as {ASSUMED[name]}")
    bgr = encoding.to_bgr(
        rows, width, height, bool(message.is_bigendian), stretch or ContrastStretch()
    )
    image = np.asarray(bgr, np.uint8)
    image.flags.writeable = False
    return image


def decode_to_bgr(
    message: Any, max_side_px: int, stretch: ContrastStretch | None = None
) -> ImageArray:
    """The image in a compressed message: (height, width, 3) uint8 BGR, read-only.

    The size is read from the file's header before anything is decoded; ``stretch`` as for
    ``image_to_bgr``. Raises RefusedImage for what is no JPEG, PNG or WebP, too large, or damaged.
    """
    size = size_in_header(memoryview(message.data))
    if size is None:
        raise RefusedImage(
            "compressed",
            f"{len(message.data)} bytes hold no JPEG, PNG or WebP image; expected one of them",
        )
    width, height = size
    check_sides(width, height, max_side_px)
    pixels = _decode(np.frombuffer(message.data, np.uint8))
    if pixels is None or pixels.shape[:2] != (height, width):
        raise RefusedImage(
            "compressed", f"{width}×{height} px image of {len(message.data)} bytes is damaged"
        )
    if pixels.dtype == np.uint16:
        pixels = (stretch or ContrastStretch()).to_8bit(pixels)
    image = np.asarray(pixels, np.uint8)
    image.flags.writeable = False
    return image


def describe_unsupported(message: Any, remark: str = "") -> RefusedImage:
    """The refusal of an encoding that cannot be read; ``remark`` says what could."""
    reason = f"encoding {str(message.encoding)[:40]!r} is not supported; expected one of: "
    return RefusedImage("encoding", reason + SUPPORTED + (f"; {remark}" if remark else ""))


def image_to_mask(message: Any, max_side_px: int) -> ImageArray:
    """The mask in a mono8 message: (height, width) uint8, a view of its memory.

    Raises RefusedImage as ``image_to_bgr`` does.
    """
    if message.encoding != "mono8":
        raise RefusedImage(
            "encoding", f"encoding {str(message.encoding)[:40]!r} is no mask; expected mono8"
        )
    check_sides(message.width, message.height, max_side_px)
    return check_rows(message, message.width, message.height)[:, : message.width]


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


def check_rows(message: Any, row_bytes: int, row_count: int) -> NDArray[np.uint8]:
    """A message's data as (row_count, step) uint8, a view of its memory.

    Raises RefusedImage where step is shorter than ``row_bytes`` or data is not so many rows long.
    """
    if message.step < row_bytes:
        raise RefusedImage(
            "step",
            f"step {message.step} is shorter than a row of {row_bytes} bytes "
            f"({message.width} px of {message.encoding})",
        )
    expected, got = message.step * row_count, len(message.data)
    if got != expected:
        rows = "height" if row_count == message.height else f"{row_count} rows of height"
        raise RefusedImage(
            "data",
            f"data has {got} bytes; expected {expected} (step {message.step} × "
            f"{rows} {message.height})",
        )
    return np.frombuffer(message.data, np.uint8).reshape(row_count, message.step)


@cache
def _warn_once(sentence: str) -> None:
    _log.warning(sentence)


def _decode(data: NDArray[np.uint8]) -> NDArray[Any] | None:
    """The decoded image, or None; OpenCV raises for some kinds of damage."""
    try:
        return cv2.imdecode(data, _AS_IT_IS)
    except cv2.error:
        return None
