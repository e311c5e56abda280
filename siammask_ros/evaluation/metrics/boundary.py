"""F of the DAVIS benchmark: how well the outlines of two masks agree."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.boxes import mask_bounding_xywh

BOUNDARY_SHARE = 0.008


def boundary_accuracy(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """F, how well the outlines of two masks (H, W) agree.

    Harmonic mean of precision and recall of their boundary pixels, matched within 0.8 % of the
    image's diagonal, rounded up.
    """
    radius = math.ceil(BOUNDARY_SHARE * math.hypot(*truth.shape))
    ours, theirs = _boundary(predicted), _boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    window = _window(ours | theirs)
    ours, theirs = ours[window], theirs[window]
    precision = _share_near(ours, theirs, radius)
    recall = _share_near(theirs, ours, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that differ from the neighbour to the right, below, or both ways."""
    inside = np.pad(mask.astype(bool), ((0, 1), (0, 1)), mode="edge")
    here = inside[:-1, :-1]
    edges = (here ^ inside[:-1, 1:]) | (here ^ inside[1:, :-1]) | (here ^ inside[1:, 1:])
    return np.asarray(edges, np.bool_)


def _window(where: NDArray[np.bool_]) -> tuple[slice, slice]:
    left, top, width, height = (int(value) for value in mask_bounding_xywh(where))
    return slice(top, top + height), slice(left, left + width)


def _share_near(pixels: NDArray[np.bool_], others: NDArray[np.bool_], radius: int) -> float:
    """The share of ``pixels`` that have one of ``others`` within ``radius``."""
    reach = np.arange(-radius, radius + 1)
    disk = (reach[:, None] ** 2 + reach[None, :] ** 2 <= radius**2).astype(np.uint8)
    near = cv2.dilate(others.astype(np.uint8), disk)
    return float(np.count_nonzero(near[pixels])) / float(np.count_nonzero(pixels))
