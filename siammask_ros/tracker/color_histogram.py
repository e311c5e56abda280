"""Colour histograms of targets: the network is trained to ignore colour, so it is compared here.

Only pixels of the mask count, so a target that is half hidden still has its own histogram.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.crops import Image
from siammask_ros.tracker.masks import RegionMask

# (HISTOGRAM_BINS,) fractions of a target's pixels, over the CIE Lab axes L, a and b.
ColorHistogram = NDArray[np.float32]

# Few bins for L, which changes with the light.
_BINS_PER_AXIS = (6, 32, 32)
HISTOGRAM_BINS = math.prod(_BINS_PER_AXIS)


def color_histogram(image: Image, mask: RegionMask) -> ColorHistogram:
    """The histogram of an image (H, W, 3) BGR under a mask; all zero for an empty mask."""
    if not mask.area_px:
        return np.zeros(HISTOGRAM_BINS, np.float32)
    part: Any = cv2.cvtColor(image[mask.window], cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([part], [0, 1, 2], mask.binary, list(_BINS_PER_AXIS), [0, 256] * 3)
    return np.asarray(counts / counts.sum(), np.float32).ravel()


def histogram_similarity(histogram: ColorHistogram, other: ColorHistogram) -> float:
    """The Bhattacharyya coefficient: 1 for equal histograms, 0 for disjoint ones."""
    return float(np.sqrt(histogram * other).sum())
