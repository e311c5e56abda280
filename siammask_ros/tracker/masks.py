"""Masks in image pixels: pasting and thresholding a cell's mask, outlines, label images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.model.variants import Variant

OUTSIDE = -1.0


@dataclass(frozen=True, slots=True)
class SearchSquare:
    """The square of the image that a search crop shows.

    ``left_in_image`` and ``top_in_image`` are the origin of mask coordinates, ``scale`` is image
    pixels per search-crop pixel.
    """

    left_in_image: float
    top_in_image: float
    scale: float

    @classmethod
    def around(
        cls, center_in_image: tuple[float, float], side_px: int, variant: Variant
    ) -> SearchSquare:
        """The square of this side around a centre.

        The authors paste from the unrounded crop box although the crop was cut at whole pixels.
        With ``exact_paste`` the origin is where crop pixel 0 has its middle.
        """
        scale = side_px / variant.search_size
        if not variant.exact_paste:
            x, y = center_in_image
            return cls(x - side_px / 2, y - side_px / 2, scale)
        half = (side_px + 1) / 2
        middle = (scale - 1) / 2
        left, top = (round(value - half) + middle for value in center_in_image)
        return cls(left, top, scale)


@dataclass(frozen=True, slots=True)
class RegionMask:
    """A target's mask in the part of the image that can contain it.

    ``values`` (h, w) float32: mask probability, −1 outside the network's mask; ``binary``
    (h, w) uint8 0/1. ``left`` and ``top`` are the position in an image of ``image_size``
    (height, width) pixels.
    """

    left: int
    top: int
    values: NDArray[np.float32]
    binary: NDArray[np.uint8]
    image_size: tuple[int, int]

    @property
    def area_px(self) -> int:
        """Number of pixels of the target."""
        return int(np.count_nonzero(self.binary))

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the region covers."""
        height, width = self.binary.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def to_image_mask(self) -> NDArray[np.uint8]:
        """The mask of the whole image, (height, width) uint8, 0 or 255."""
        image_mask = np.zeros(self.image_size, np.uint8)
        image_mask[self.window] = self.binary * np.uint8(255)
        return image_mask


def paste_mask(
    mask: NDArray[Any],
    square: SearchSquare,
    cell: tuple[int, int],
    image_size: tuple[int, int],
    variant: Variant,
    threshold: float,
) -> RegionMask:
    """Paste a cell's mask (M, M) into the image, warped only where it can exceed the threshold.

    Everywhere else the authors' warp over the whole image is at most the threshold. So the binary
    mask is the same, and the cost grows with the target and not with the image.
    """
    height, width = image_size
    row, column = cell
    step = variant.stride * square.scale
    before = variant.base_size / 2
    left = square.left_in_image + (column - before) * step
    top = square.top_in_image + (row - before) * step
    per_value = square.scale * variant.mask_cover / variant.mask_size
    # The authors' warp maps width to width − 1.
    shrink_x = 1.0 if variant.exact_paste else (width - 1) / width
    shrink_y = 1.0 if variant.exact_paste else (height - 1) / height
    scale_x, scale_y = per_value * shrink_x, per_value * shrink_y
    left, top = left * shrink_x, top * shrink_y
    x, y, columns, rows = _bounding_rectangle(mask > threshold)
    x0, x1 = _span(left + x * scale_x, columns * scale_x, scale_x, width)
    y0, y1 = _span(top + y * scale_y, rows * scale_y, scale_y, height)
    values = _resample(mask, (y0, y1, top, scale_y), (x0, x1, left, scale_x))
    binary = (values > threshold).astype(np.uint8)
    return RegionMask(x0, y0, values, binary, image_size)


def _bounding_rectangle(is_target: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, width and height of the True values; of the whole array without any."""
    left, top, width, height = cv2.boundingRect(is_target.view(np.uint8))
    return (left, top, width, height) if width else (0, 0, *is_target.shape[::-1])


def _span(start: float, reach: float, scale: float, limit: int) -> tuple[int, int]:
    """First and last (exclusive) pixel of the image that these values can touch."""
    first = min(max(math.floor(start - scale) - 1, 0), limit)
    last = max(min(math.ceil(start + reach + scale) + 1, limit), first)
    return first, last


def _resample(
    mask: NDArray[Any], rows: tuple[int, int, float, float], columns: tuple[int, int, float, float]
) -> NDArray[np.float32]:
    """Resample the mask at image pixels, by bilinear interpolation with −1 around it.

    ``rows`` and ``columns`` are (first, end, start, scale): the range of image pixels, the position
    of the mask's value 0, and image pixels per mask value. The two axes are interpolated one
    after the other with exact weights: cv2.warpAffine of OpenCV 4 rounds them to 1/32.
    """
    padded = cv2.copyMakeBorder(
        np.ascontiguousarray(mask, np.float32), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=OUTSIDE
    )
    across = _interpolate(_transpose(padded), *_taps(*columns, mask.shape[1]))
    return _interpolate(_transpose(across), *_taps(*rows, mask.shape[0]))


def _transpose(lines: NDArray[Any]) -> NDArray[np.float32]:
    """Transpose into a copy; OpenCV needs half of NumPy's time."""
    if not lines.size:
        return np.ascontiguousarray(lines.T, np.float32)
    return np.asarray(cv2.transpose(lines), np.float32)


def _interpolate(
    lines: NDArray[np.float32],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Interpolate between two whole lines for each tap; each line is contiguous in memory."""
    values: NDArray[np.float32] = lines.take(before, axis=0)
    values *= (1 - weight)[:, None]
    rest = lines.take(after, axis=0)
    rest *= weight[:, None]
    values += rest
    return values


def _taps(
    first: int, end: int, start: float, scale: float, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel the two padded mask indices around it, and the second one's weight."""
    position = np.arange(first, end, dtype=np.float64)
    position -= start
    position /= scale
    index = np.floor(position)
    weight = (position - index).astype(np.float32)
    # Not np.clip, which takes three times as long for so few numbers.
    before = np.minimum(np.maximum(index.astype(np.intp), -1), size) + 1
    after = np.minimum(np.maximum(index.astype(np.intp) + 1, -1), size) + 1
    return before, after, weight


def largest_outline(mask: RegionMask) -> tuple[NDArray[np.int32], float]:
    """The outer contour (n, 2) x, y of the mask's largest part, and its area in px².

    Empty (0, 2) and 0 for an empty mask. Every contour point is kept.
    """
    contours, _ = cv2.findContours(mask.binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2), np.int32), 0.0
    areas = [cv2.contourArea(contour) for contour in contours]
    best = int(np.argmax(areas))
    offset = np.array([mask.left, mask.top], np.int32)
    return contours[best].reshape(-1, 2).astype(np.int32) + offset, float(areas[best])


def label_map(masks: Sequence[RegionMask | None], image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """One label a pixel, (height, width) uint8: k for the k-th mask (from 1), 0 for none.

    Where targets overlap, the larger mask value wins (paper, section 5.3).
    """
    labels = np.zeros(image_size, np.uint8)
    best = np.full(image_size, OUTSIDE, np.float32)
    for label, mask in enumerate(masks, start=1):
        if mask is None:
            continue
        wins = (mask.binary > 0) & (mask.values > best[mask.window])
        best[mask.window][wins] = mask.values[wins]
        labels[mask.window][wins] = label
    return labels
