"""Selects, on the device, the cell that the tracker will choose (paper, section 3.2).

The tracker makes its own choice; this one ranks by the same formula, so that the mask can be
computed before the maps have left the device. It is written for few launches: single precision,
logarithms, and all sums of maps as one matrix product. Where two cells differ only in the sixth
digit of their rank, it may select the other one.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

# The columns of a query; then come the matrix and the rank that each cell has in advance.
_OFFSET, _STRENGTH = range(2)
_COLUMNS = 2
# The sums that the matrix makes of the maps, each for every anchor.
_SUMS = 5
# The maps: score (2), box (4) for every anchor, a map of ones, and one of zeros to make it even.
_MAPS, _FILL = 6, 2
_WIDTH, _HEIGHT = 4, 5


def map_channels(anchors: int) -> int:
    """Channels of the maps that ``select_cells`` takes."""
    return _MAPS * anchors + _FILL


def query_width(anchors: int, side: int) -> int:
    """Numbers in a row of ``selection_queries`` for maps of ``side``² cells."""
    return _COLUMNS + _SUMS * anchors * map_channels(anchors) + side**2


def selection_queries(
    sizes: NDArray[np.float64],
    anchors: NDArray[np.float64],
    strength: float,
    influence: NDArray[np.float64] | float,
    side: int,
    window_cells: int,
) -> NDArray[np.float32]:
    """What ``select_cells`` needs to know of each target, (N, ``query_width``).

    ``sizes`` (N, 2) are the targets' and ``anchors`` (k, 2) the anchors' width and height in
    search-crop pixels, ``strength`` that of the penalty, ``influence`` (N,) the window's. The
    window spans ``window_cells``; maps of fewer cells get its middle.
    """
    items, count = len(sizes), len(anchors)
    influences = np.broadcast_to(np.asarray(influence, np.float64), items)
    queries = np.empty((items, query_width(count, side)), np.float32)
    with np.errstate(divide="ignore"):
        queries[:, _OFFSET] = strength + np.log(1 - influences)
    queries[:, _STRENGTH] = -strength
    matrix = queries[:, _COLUMNS : -side * side].reshape(items, _SUMS, count, -1)
    matrix[:] = _map_sums(count)
    matrix[..., -_FILL] = _constant_terms(sizes, anchors)
    window = _cosine_window(side, window_cells).ravel()
    np.multiply(influences[:, None], window, out=queries[:, -side * side :])
    return queries


def cell_queries(cells: NDArray[Any], anchors: int, side: int) -> NDArray[np.float32]:
    """Queries that select these cells (N,), whatever the maps."""
    queries = np.zeros((len(cells), query_width(anchors, side)), np.float32)
    queries[:, _OFFSET] = -np.inf
    queries[:, _COLUMNS : -side * side] = _map_sums(anchors).ravel()
    queries[np.arange(len(cells)), cells - side * side] = 1
    return queries


def select_cells(maps: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """Score probabilities (N, k, S, S), and the cell (N,) int64 of each item's best anchor.

    ``maps`` (N, ``map_channels``, S, S) are score logits, to be read as (2, k), the raw box head,
    to be read as (4, k), ones and zeros; ``queries`` those of ``selection_queries``. All are in
    single precision. Any cell is selected where a map is not finite.
    """
    items, channels, side, _ = maps.shape
    cells = side * side
    anchors = (channels - _FILL) // _MAPS
    offset, strength = (queries[:, column, None, None] for column in range(_COLUMNS))
    matrix = queries[:, _COLUMNS:-cells].reshape(items, -1, channels)
    sums = torch.bmm(matrix, maps.flatten(2)).reshape(items, _SUMS, anchors, cells)
    score = torch.sigmoid(sums[:, 0])
    # Half the logarithm of (3w + h)(w + 3h), the square of a context's side, is partly linear.
    changes = sums[:, 1:3]
    changes[:, 1].add_(functional.softplus(sums[:, 3:5]).sum(dim=1), alpha=0.5)
    change = torch.exp(torch.linalg.vector_norm(changes, 1, dim=1))
    # The penalty times 1 - influence, which is part of the offset.
    penalty = torch.exp(torch.addcmul(offset, change, strength))
    ranks = torch.addcmul(queries[:, None, -cells:], penalty, score)
    return score.reshape(items, anchors, side, side), ranks.flatten(1).argmax(dim=1) % cells


@lru_cache(maxsize=4)
def _map_sums(anchors: int) -> NDArray[np.float32]:
    """How ``_constant_terms`` and the maps sum up, but for the constants: (5, k, channels)."""
    sums = np.zeros((_SUMS, anchors, _MAPS + 1, anchors), np.float32)
    each = np.arange(anchors)
    for row, terms in enumerate(
        (
            {0: -1, 1: 1},
            {_WIDTH: 1, _HEIGHT: -1},
            {_HEIGHT: 1},
            {_WIDTH: 1, _HEIGHT: -1},
            {_WIDTH: 1, _HEIGHT: -1},
        )
    ):
        for group, factor in terms.items():
            sums[row, each, group, each] = factor
    return sums.reshape(_SUMS, anchors, -1)[..., : map_channels(anchors)]


def _constant_terms(
    sizes: NDArray[np.float64], anchors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the sums have beside the maps, (N, 5, k).

    The sums are: score logit; logarithm of the aspect ratio over the target's; half of that of
    the context's square over the target's, without two softplus of the fourth and fifth sum,
    which are the logarithm of the aspect ratio, plus and minus that of 3.
    """
    width, height = sizes.T
    margin = (width + height) / 2
    context = np.sqrt((width + margin) * (height + margin))
    aspect = np.log(anchors[:, 0] / anchors[:, 1])
    terms = np.zeros((len(sizes), _SUMS, len(anchors)))
    terms[:, 1] = aspect - np.log(width / height)[:, None]
    terms[:, 2] = np.log(anchors[:, 1]) + math.log(0.75) / 2 - np.log(context)[:, None]
    terms[:, 3], terms[:, 4] = aspect + math.log(3), aspect - math.log(3)
    return terms


@lru_cache(maxsize=4)
def _cosine_window(side: int, window_cells: int) -> NDArray[np.float64]:
    """The window (S, S) that keeps a target from jumping."""
    rim = (window_cells - side) // 2
    falloff = np.hanning(window_cells)[rim : rim + side]
    return np.outer(falloff, falloff)
