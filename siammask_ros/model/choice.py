"""A guess, on the device, of the cell that a tracker will choose (paper, section 3.2).

The tracker's own choice is what counts. This one ranks by the same formula, so that a mask can be
computed before the maps have left the device. It is written for few launches: in single precision,
in logarithms, and with all that does not depend on the maps computed beforehand on the host. Where
two cells rank alike to the sixth digit it may name the other.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The columns of ``ranking_terms``; after them each anchor's widths, then heights.
_SHAPE, _OFFSET, _STRENGTH, _INFLUENCE = range(4)
_ANCHORS = 4
# A side's share in the longer one of the two that span the context: 1/2 against 3/2.
_OTHER_SIDE = 1 / 3


def cosine_window(side: int) -> Tensor:
    """The window (S, S) that keeps a target from jumping."""
    window = np.outer(np.hanning(side), np.hanning(side))
    return torch.from_numpy(window.astype(np.float32))


def terms_width(anchors: int) -> int:
    """Numbers in a row of ``ranking_terms``."""
    return _ANCHORS + 2 * anchors


def ranking_terms(
    sizes: NDArray[np.float64],
    anchors: NDArray[np.float64],
    strength: float,
    influence: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """What ``best_cells`` has to know of each target, (N, ``terms_width``).

    ``sizes`` (N, 2) are the targets' and ``anchors`` (k, 2) the anchors' width and height in
    search-crop pixels, ``strength`` that of the penalty, ``influence`` (N,) the window's.
    """
    width, height = sizes.T
    margin = (width + height) / 2
    context = np.sqrt((width + margin) * (height + margin))
    terms = np.empty((len(sizes), terms_width(len(anchors))))
    terms[:, _SHAPE] = np.log(width / height)
    with np.errstate(divide="ignore"):
        terms[:, _OFFSET] = strength + np.log(1 - np.asarray(influence))
    terms[:, _STRENGTH], terms[:, _INFLUENCE] = -strength, influence
    # In units in which the product of both spans is the context's square.
    terms[:, _ANCHORS:] = np.log(1.5 * anchors.T).ravel() - np.log(context)[:, None]
    return terms


def best_cells(score: Tensor, box: Tensor, terms: Tensor, window: Tensor) -> Tensor:
    """Row and column (N, 2) int64 of each item's best anchor; any cell where a map is not finite.

    ``score`` (N, k, S, S) is the probability, ``box`` (N, 4, k, S, S) the raw box head, ``terms``
    those of ``ranking_terms``, all in single precision. A map smaller than the window gets its
    middle.
    """
    shape, offset, strength, influence = (
        terms[:, column, None, None, None] for column in range(_ANCHORS)
    )
    anchors = terms[:, _ANCHORS:].reshape(len(terms), 2, -1, 1, 1)
    logarithms = box[:, 2:] + anchors
    width, height = torch.exp(logarithms).unbind(1)
    spans = torch.add(width, height, alpha=_OTHER_SIDE)
    spans = spans * torch.add(height, width, alpha=_OTHER_SIDE)
    size_change = torch.log(spans).abs()
    shape_change = (logarithms[:, 0] - logarithms[:, 1] - shape).abs()
    change = torch.exp(torch.add(shape_change, size_change, alpha=0.5))
    # The penalty times 1 - influence, which is part of the offset.
    penalty = torch.exp(torch.addcmul(offset, change, strength))
    side = score.shape[-1]
    rim = (len(window) - side) // 2
    window = window[rim : rim + side, rim : rim + side]
    ranking = torch.addcmul(penalty * score, window, influence)
    best = ranking.flatten(1).argmax(dim=1) % side**2
    return torch.stack([best // side, best % side], dim=1)
