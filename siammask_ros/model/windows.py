"""Which part of each pyramid level belongs to a cell of the score map (paper, appendix A).

Free of torch, for engines that run without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Zeros around each level, finest first, and how far a window moves there from cell to cell.
PADDINGS = (16, 8, 4)
STEPS = (4, 2, 1)


def cell_windows(
    pyramid: Sequence[NDArray[Any]], sizes: Sequence[int], row: int, column: int
) -> list[NDArray[Any]]:
    """The windows (1, C, size, size) of one cell, of the levels (1, C, H, W) of one item.

    They are those of ``refine.cut_windows``, in a fraction of its time.
    """
    levels = zip(pyramid, sizes, PADDINGS, STEPS, strict=True)
    return [
        _window(level, size, row * step - padding, column * step - padding)
        for level, size, padding, step in levels
    ]


def _window(level: NDArray[Any], size: int, top: int, left: int) -> NDArray[Any]:
    """Part (1, C, size, size) of a level (1, C, H, W); zeros where it lies outside."""
    height, width = level.shape[2:]
    window = np.zeros((1, level.shape[1], size, size), level.dtype)
    rows = slice(max(top, 0), min(top + size, height))
    columns = slice(max(left, 0), min(left + size, width))
    window[:, :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
        level[:, :, rows, columns]
    )
    return window
