"""16-bit images to 8 bits: a thermal camera's image uses a hundredth of the 16 bits."""

from __future__ import annotations

import logging
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_FULL_SCALE = 65535
# A stream that uses less of the full scale is stretched: 14 bits and fewer.
_NARROW_SHARE = 0.25
# Dark, middle and bright of an image. So few pixels lie outside that a small target is not
# clipped, and so many that a broken pixel does not count.
_PERCENTILES = (0.1, 50.0, 99.9)
_MAX_SAMPLES = 1 << 15
# How far the limits move towards those of the new image, and how far at most: a share of what
# lies between them. Grey levels change by eight from image to image at most.
_FOLLOW_SHARE = 0.05
_MAX_STEP_SHARE = 0.03
# A wall of one temperature must not become an image of the sensor's noise.
_MIN_SPAN = 64.0


class ContrastStretch:
    """The conversion of one stream's 16-bit images to 8 bits; not thread-safe.

    Images that use the 16 bits are divided by 257. Once a stream uses less than a quarter of them,
    its percentiles become black and white for as long as it lasts. They follow the images slowly,
    so that an object keeps its grey level from image to image; only where half of an image lies
    outside of them, as after a camera's change of gain, they start again.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        """``is_silent``: does not say that it stretches."""
        self._is_silent = is_silent
        self._limits: NDArray[np.float64] | None = None
        self._is_stretching = False

    def to_8bit(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return the stream's next image (height, width[, channels]) in 8 bits."""
        low, high = self._update_limits(pixels)
        if not self._is_stretching and high - low < _NARROW_SHARE * _FULL_SCALE:
            self._is_stretching = True
            _log.log(
                logging.DEBUG if self._is_silent else logging.WARNING,
                "16-bit images use %.1f %% of their range (%.0f to %.0f): stretched to 8 bits",
                100 * (high - low) / _FULL_SCALE,
                low,
                high,
            )
        black: Any = low
        # One row of one channel: OpenCV takes a number off the first channel only, and takes a
        # column of four pixels for a number.
        row: Any = pixels.reshape(1, -1)
        if self._is_stretching:
            scale = 255 / max(high - low, _MIN_SPAN)
            scaled = cv2.convertScaleAbs(cv2.subtract(row, black), alpha=scale)
        else:
            scaled = cv2.convertScaleAbs(row, alpha=255 / _FULL_SCALE)
        return np.asarray(scaled, np.uint8).reshape(pixels.shape)

    def _update_limits(self, pixels: NDArray[np.uint16]) -> tuple[float, float]:
        """Take up an image and return what is black and white from now on."""
        # An odd stride, for an even one would meet one colour only of a Bayer mosaic.
        stride = int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / _MAX_SAMPLES))) | 1
        dark, middle, bright = np.percentile(pixels[::stride, ::stride], _PERCENTILES)
        seen = np.array((dark, bright))
        if self._limits is None or not self._limits[0] <= middle <= self._limits[1]:
            self._limits = seen
        else:
            most = _MAX_STEP_SHARE * max(self._limits[1] - self._limits[0], _MIN_SPAN)
            step = np.clip(_FOLLOW_SHARE * (seen - self._limits), -most, most)
            self._limits = self._limits + step
        return float(self._limits[0]), float(self._limits[1])
