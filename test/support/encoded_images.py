"""An image in every encoding of sensor_msgs/Image, written from the encodings' definitions.

Nothing here uses OpenCV's conversions, so that reading back is compared with known colours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

BAYER = ("rggb", "bggr", "gbrg", "grbg")
GREY = ("mono8", "mono16", "8UC1", "16UC1")
PACKED = {
    "bgr": (0, 1, 2),
    "rgb": (2, 1, 0),
    "bgra": (0, 1, 2, 3),
    "rgba": (2, 1, 0, 3),
    "8UC": (0, 1, 2),
}
YUV = ("yuv422_yuy2", "yuyv", "yuv422", "uyvy", "nv12", "nv21", "nv24")
SIXTEEN_BITS = ("mono16", "16UC1", *(f"{name}16" for name in ("bgr", "rgb", "bgra", "rgba")))
EVERY_ENCODING = (
    *GREY,
    *(f"{name}{bits}" for name in ("bgr", "rgb", "bgra", "rgba") for bits in (8, 16)),
    "8UC3",
    "8UC4",
    *(f"bayer_{order}{bits}" for order in BAYER for bits in (8, 16)),
    *YUV,
)
# (blue, green, red) of the blocks of `colour_blocks`
COLOURS = (
    (30, 30, 220),
    (40, 200, 40),
    (210, 60, 30),
    (128, 128, 128),
    (20, 180, 200),
    (90, 0, 90),
)
BLOCK_PX = 16


def colour_blocks(width: int, height: int) -> Pixels:
    """Blocks of 16×16 pixels of known colours, (height, width, 3) BGR."""
    rows, columns = np.mgrid[:height, :width] // BLOCK_PX
    return np.asarray(COLOURS, np.uint8)[(rows * 5 + columns) % len(COLOURS)]


def grey_of(bgr: Pixels) -> Pixels:
    """The luma of ITU-R BT.601."""
    return np.rint(bgr @ np.array((0.114, 0.587, 0.299))).astype(np.uint8)


def image_fields(bgr: Pixels, encoding: str, padding: int = 0, is_bigendian: bool = False) -> Any:
    """The fields of a sensor_msgs/Image, its rows followed by so many bytes of no meaning."""
    rows = _rows(bgr, encoding, is_bigendian)
    planes = [np.pad(plane, ((0, 0), (0, padding)), constant_values=77) for plane in rows]
    # A plane with rows of twice the length has twice the padding.
    step = planes[0].shape[1]
    data = b"".join(
        (plane if plane.shape[1] == step else np.pad(plane, ((0, 0), (0, padding)))).tobytes()
        for plane in planes
    )
    height, width = bgr.shape[:2]
    return {
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": int(is_bigendian),
        "step": step,
        "data": np.frombuffer(data, np.uint8),
    }


def _rows(bgr: Pixels, encoding: str, is_bigendian: bool) -> list[Pixels]:
    """The bytes of each plane, (rows, bytes of a row)."""
    if encoding in YUV:
        return _yuv_rows(bgr, encoding)
    if encoding in GREY:
        numbers = grey_of(bgr)
    elif encoding.startswith("bayer_"):
        numbers = _mosaic(bgr, encoding[6:10])
    else:
        alpha = np.full((*bgr.shape[:2], 1), 255, np.uint8)
        order = {"8UC3": "bgr", "8UC4": "bgra"}.get(encoding, encoding.rstrip("0123456789"))
        numbers = np.concatenate((bgr, alpha), axis=2)[..., PACKED[order]]
    if "16" in encoding:
        numbers = (numbers.astype(np.uint16) * 257).astype(">u2" if is_bigendian else "<u2")
    return [np.ascontiguousarray(numbers).reshape(bgr.shape[0], -1).view(np.uint8)]


def _mosaic(bgr: Pixels, order: str) -> Pixels:
    """Of every pixel the one colour that the mosaic has there."""
    mosaic = np.empty(bgr.shape[:2], np.uint8)
    for place, colour in enumerate(order):
        part = slice(place // 2, None, 2), slice(place % 2, None, 2)
        mosaic[part] = bgr[(*part, "bgr".index(colour))]
    return mosaic


def _yuv_rows(bgr: Pixels, encoding: str) -> list[Pixels]:
    height, width = bgr.shape[:2]
    odd = (0, height % 2), (0, width % 2), (0, 0)
    y, u, v = np.moveaxis(_yuv(np.pad(bgr, odd, "edge")), 2, 0)
    if encoding.startswith("nv"):
        first, second = (v, u) if encoding == "nv21" else (u, v)
        if encoding == "nv24":
            colour = np.stack((first, second), axis=2)[:height, :width]
        else:
            colour = np.stack((first[::2, ::2], second[::2, ::2]), axis=2)
        # Half-resolution colour of an odd width needs a byte more than the luma.
        luma = y[:height, :width] if encoding == "nv24" else y[:height]
        return [luma, colour.reshape(colour.shape[0], -1)]
    y, u, v = y[:height], u[:height, ::2], v[:height, ::2]
    pair = (y[:, ::2], u, y[:, 1::2], v)
    if encoding in ("yuv422", "uyvy"):
        pair = (u, y[:, ::2], v, y[:, 1::2])
    return [np.stack(pair, axis=2).reshape(height, -1)]


def _yuv(bgr: Pixels) -> Pixels:
    """ITU-R BT.601 in the range of video, as cameras give it: Y 16 to 235, U and V 16 to 240."""
    blue, green, red = np.moveaxis(bgr.astype(float) / 255, 2, 0)
    y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    u = 128 - 37.797 * red - 74.203 * green + 112.0 * blue
    v = 128 + 112.0 * red - 93.786 * green - 18.214 * blue
    return np.rint(np.stack((y, u, v), axis=2)).astype(np.uint8)
