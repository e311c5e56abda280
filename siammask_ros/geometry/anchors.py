"""The grid of reference boxes to which the network's box head is relative (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def anchor_sizes(ratios: Sequence[float], scale: float, stride: int) -> FloatArray:
    """Width and height of each anchor, (k, 2), in search-crop pixels.

    ``ratios`` are height over width. The inner size is cut to whole pixels before scaling: the
    published weights were trained with the 104×32 anchor that this gives, not with 111×37.
    """
    area = stride * stride
    sizes = []
    for ratio in ratios:
        width = int(math.sqrt(area / ratio))
        height = int(width * ratio)
        sizes.append((width * scale, height * scale))
    return np.array(sizes, dtype=np.float64)


def anchor_grid(
    ratios: Sequence[float], scale: float, stride: int, score_size: int
) -> tuple[FloatArray, FloatArray]:
    """Centres (2, score_size, score_size) and sizes (k, 2) of all anchors.

    Centres are (x, y) offsets in search-crop pixels from the crop's centre.
    """
    offsets = (np.arange(score_size) - score_size // 2) * float(stride)
    x, y = np.meshgrid(offsets, offsets)
    return np.stack([x, y]), anchor_sizes(ratios, scale, stride)
