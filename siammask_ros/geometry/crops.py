"""Square crops around a target, as the published weights expect them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

CONTEXT_AMOUNT = 0.5


def context_side(width: float, height: float) -> float:
    """Side in pixels of the square that holds a width×height box with its context.

    The paper's template square: half of (width + height) is added to each side.
    """
    margin = CONTEXT_AMOUNT * (width + height)
    return math.sqrt((width + margin) * (height + margin))


def mean_bgr(image: Image) -> NDArray[np.float64]:
    """Mean colour (3,) of an image; it fills the part of a crop outside the image."""
    return np.array(cv2.mean(image)[:3])


def crop_square(
    image: Image,
    center_in_image: tuple[float, float] | NDArray[Any],
    side_px: int,
    out_size: int,
    fill_bgr: NDArray[Any],
) -> Image:
    """The square of ``side_px`` around the centre, resized to (out_size, out_size, 3).

    The centre's offset of (side + 1) / 2, rounding half to even and the fill colour cut to uint8
    are those of the authors' code; the weights were tuned with them. Only the crop is padded, not
    the image: the pixels are the same, and the cost does not grow with the image.
    """
    height, width = image.shape[:2]
    half = (side_px + 1) / 2
    left = round(float(center_in_image[0]) - half)
    top = round(float(center_in_image[1]) - half)
    x0, x1 = max(left, 0), min(left + side_px, width)
    y0, y1 = max(top, 0), min(top + side_px, height)
    fill = fill_bgr.astype(np.uint8)
    if x1 <= x0 or y1 <= y0:
        return np.full((out_size, out_size, 3), fill, np.uint8)
    inner: NDArray[Any] = image[y0:y1, x0:x1]
    if inner.shape[:2] != (side_px, side_px):
        inner = cv2.copyMakeBorder(
            inner,
            y0 - top,
            top + side_px - y1,
            x0 - left,
            left + side_px - x1,
            cv2.BORDER_CONSTANT,
            value=[int(channel) for channel in fill],
        )
    if side_px == out_size:
        return np.ascontiguousarray(inner)
    resized = cv2.resize(inner, (out_size, out_size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)
