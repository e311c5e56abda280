"""Which colours a target has: what the network, trained to look past them, does not tell.

Of the pixels of its mask only: a target that is half hidden still has its own colours.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.crops import Image
from siammask_ros.tracker.masks import RegionMask

# Shares of a target's pixels in each bin of lightness, green to red and blue to yellow (CIE Lab).
Colours = NDArray[np.float32]

# Coarse in lightness, which changes with the light.
_BINS = (6, 32, 32)
COLOURS = math.prod(_BINS)


def colours_of(image: Image, mask: RegionMask) -> Colours:
    """The colours of an image (H, W, 3) BGR under a mask; all zero for an empty one."""
    if not mask.area_px:
        return np.zeros(COLOURS, np.float32)
    part: Any = cv2.cvtColor(image[mask.window], cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([part], [0, 1, 2], mask.binary, list(_BINS), [0, 256] * 3)
    return np.asarray(counts / counts.sum(), np.float32).ravel()


def likeness(colours: Colours, others: Colours) -> float:
    """How much two sets of shares agree (Bhattacharyya): 1 for equal ones, 0 for strangers."""
    return float(np.sqrt(colours * others).sum())
