"""Outlines of masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

OUTLINE_TOLERANCE_PX = 0.7


def simplified(outline: NDArray[np.int32]) -> NDArray[Any]:
    """The outline without the points that lie on it anyway: a message a tenth the size."""
    if len(outline) < 3:
        return outline
    return np.asarray(cv2.approxPolyDP(outline, OUTLINE_TOLERANCE_PX, True)).reshape(-1, 2)
