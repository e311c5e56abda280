"""The encodings of sensor_msgs/Image that are read: how their bytes lie, and what makes them BGR.

Rows have ``step`` bytes, of which those after the last pixel mean nothing. Planes of a planar
encoding lie one after the other and have the same step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.contrast import ContrastStretch

Rows = NDArray[np.uint8]


class Encoding(Protocol):
    """An encoding of pixels."""

    def row_bytes(self, width: int) -> int:
        """Return how many bytes a row needs at least."""
        ...

    def row_count(self, height: int) -> int:
        """Return how many rows of ``step`` bytes an image has."""
        ...

    def to_bgr(
        self, rows: Rows, width: int, height: int, is_bigendian: bool, stretch: ContrastStretch
    ) -> Any:
        """Return the image (height, width, 3) uint8 BGR of ``rows`` (row_count, step).

        ``stretch`` is what brings the stream's 16-bit images to 8 bits.
        """
        ...


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Whole pixels, one after the other; ``code`` is OpenCV's conversion, None for BGR itself."""

    channels: int
    code: int | None
    number_bytes: int = 1

    def row_bytes(self, width: int) -> int:
        """See Encoding."""
        return width * self.channels * self.number_bytes

    def row_count(self, height: int) -> int:
        """See Encoding."""
        return height

    def to_bgr(
        self, rows: Rows, width: int, height: int, is_bigendian: bool, stretch: ContrastStretch
    ) -> Any:
        """See Encoding; 8-bit BGR is a view of ``rows``."""
        pixels: NDArray[Any] = rows[:, : self.row_bytes(width)]
        if self.number_bytes == 2:
            order = ">u2" if is_bigendian else "<u2"
            numbers = np.ascontiguousarray(pixels).view(order).astype(np.uint16, copy=False)
            pixels = stretch.to_8bit(numbers.reshape(height, width, self.channels))
        pixels = pixels.reshape(height, width, self.channels)
        return pixels if self.code is None else cv2.cvtColor(pixels, self.code)


@dataclass(frozen=True, slots=True)
class PairedYuv:
    """YUV 4:2:2: two neighbours in four bytes, with the colour that they share."""

    code: int

    def row_bytes(self, width: int) -> int:
        """See Encoding."""
        return 2 * _round_up_to_even(width)

    def row_count(self, height: int) -> int:
        """See Encoding."""
        return height

    def to_bgr(
        self, rows: Rows, width: int, height: int, is_bigendian: bool, stretch: ContrastStretch
    ) -> Any:
        """See Encoding."""
        pairs = rows[:, : self.row_bytes(width)].reshape(height, _round_up_to_even(width), 2)
        return cv2.cvtColor(pairs, self.code)[:, :width]


@dataclass(frozen=True, slots=True)
class SemiPlanarYuv:
    """A plane of luma, then one of colour: for each pixel, or for ``is_halved`` each 2×2 pixels."""

    code: int
    is_halved: bool

    def row_bytes(self, width: int) -> int:
        """See Encoding."""
        return _round_up_to_even(width) if self.is_halved else width

    def row_count(self, height: int) -> int:
        """See Encoding."""
        return height + (_round_up_to_even(height) // 2 if self.is_halved else 2 * height)

    def to_bgr(
        self, rows: Rows, width: int, height: int, is_bigendian: bool, stretch: ContrastStretch
    ) -> Any:
        """See Encoding."""
        even_width, even_height = _round_up_to_even(width), _round_up_to_even(height)
        half_size = (even_width // 2, even_height // 2)
        if self.is_halved:
            colour: Any = rows[height:, :even_width].reshape(*half_size[::-1], 2)
        else:
            # Two rows of `step` bytes hold the colour of one row of pixels.
            whole = rows[height:].reshape(height, -1)[:, : 2 * width].reshape(height, width, 2)
            colour = cv2.resize(whole, half_size, interpolation=cv2.INTER_AREA)
        luma = rows[:height, :width]
        if luma.shape != (even_height, even_width):
            luma = np.pad(luma, ((0, even_height - height), (0, even_width - width)), "edge")
        return cv2.cvtColorTwoPlane(luma, colour, self.code)[:height, :width]


def _round_up_to_even(pixels: int) -> int:
    return pixels + pixels % 2


# OpenCV names a Bayer mosaic by its second row and column, ROS by its first.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2BGR,
    "bggr": cv2.COLOR_BayerRG2BGR,
    "gbrg": cv2.COLOR_BayerGR2BGR,
    "grbg": cv2.COLOR_BayerGB2BGR,
}
ENCODINGS: dict[str, Encoding] = {
    "bgr8": Interleaved(3, None),
    "rgb8": Interleaved(3, cv2.COLOR_RGB2BGR),
    "bgra8": Interleaved(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Interleaved(4, cv2.COLOR_RGBA2BGR),
    "mono8": Interleaved(1, cv2.COLOR_GRAY2BGR),
    "mono16": Interleaved(1, cv2.COLOR_GRAY2BGR, 2),
    "bgr16": Interleaved(3, None, 2),
    "rgb16": Interleaved(3, cv2.COLOR_RGB2BGR, 2),
    "bgra16": Interleaved(4, cv2.COLOR_BGRA2BGR, 2),
    "rgba16": Interleaved(4, cv2.COLOR_RGBA2BGR, 2),
    **{f"bayer_{order}8": Interleaved(1, code) for order, code in _BAYER.items()},
    **{f"bayer_{order}16": Interleaved(1, code, 2) for order, code in _BAYER.items()},
    **dict.fromkeys(("yuv422_yuy2", "yuyv"), PairedYuv(cv2.COLOR_YUV2BGR_YUY2)),
    **dict.fromkeys(("yuv422", "uyvy"), PairedYuv(cv2.COLOR_YUV2BGR_UYVY)),
    "nv12": SemiPlanarYuv(cv2.COLOR_YUV2BGR_NV12, is_halved=True),
    "nv21": SemiPlanarYuv(cv2.COLOR_YUV2BGR_NV21, is_halved=True),
    "nv24": SemiPlanarYuv(cv2.COLOR_YUV2BGR_NV12, is_halved=False),
    "8UC1": Interleaved(1, cv2.COLOR_GRAY2BGR),
    "8UC3": Interleaved(3, None),
    "8UC4": Interleaved(4, cv2.COLOR_BGRA2BGR),
    "16UC1": Interleaved(1, cv2.COLOR_GRAY2BGR, 2),
}
SUPPORTED = ", ".join(ENCODINGS)
# What a message with no more than a number of channels is taken for.
ASSUMED = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8", "16UC1": "mono16"}
