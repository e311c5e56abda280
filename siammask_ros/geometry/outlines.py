"""Outlines of masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

OUTLINE_TOLERANCE_PX = 0.7


def simplify_outline(outline: NDArray[np.int32]) -> NDArray[Any]:
    """The outline without points within 0.7 px of it; a message becomes ten times smaller."""
    if len(outline) < 3:
        return outline
    return np.asarray(cv2.approxPolyDP(outline, OUTLINE_TOLERANCE_PX, True)).reshape(-1, 2)


def find_contours(
    mask: NDArray[np.uint8], left_top: tuple[int, int] = (0, 0)
) -> tuple[NDArray[np.int32], ...]:
    """The contours of a mask's parts and of their holes, each (n, 2) x, y in the image.

    ``mask`` (h, w) is non-zero on the target; its first pixel is at ``left_top`` of the image.
    Filled by the even-odd rule, the contours give the mask again.
    """
    found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=left_top)
    return tuple(np.asarray(each, np.int32).reshape(-1, 2) for each in found)
