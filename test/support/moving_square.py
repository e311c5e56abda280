"""Pictures of an orange square that moves over dark noise: truth without data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.boxes import RotatedBox

ORANGE_BGR = (40, 140, 240)
SIDE_PX = 48


def square_center(index: int) -> tuple[float, float]:
    """Where the square's middle is in picture ``index``: 4 px to the right, 2 px down each."""
    return 120.0 + 4 * index, 100.0 + 2 * index


def square_box(index: int) -> RotatedBox:
    x, y = square_center(index)
    return RotatedBox(x, y, SIDE_PX, SIDE_PX)


def picture(
    index: int, width: int = 320, height: int = 240, visible: bool = True
) -> NDArray[np.uint8]:
    """Picture ``index`` (height, width, 3) BGR; the square can leave it or be hidden."""
    noise = np.random.default_rng(index).integers(0, 40, (height, width, 3), np.uint8)
    if visible:
        x, y = square_center(index)
        left, top = round(x - SIDE_PX / 2), round(y - SIDE_PX / 2)
        patch = noise[max(top, 0) : top + SIDE_PX, max(left, 0) : left + SIDE_PX]
        patch[:] = np.asarray(ORANGE_BGR) - patch // 8
    return noise
