"""A guess, on the device, of the cell that a tracker will choose (paper, section 3.2).

The tracker's own choice is what counts. This one takes the same steps in the same arithmetic, so
that a mask can be computed before the maps have left the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def cosine_window(side: int) -> Tensor:
    """The window (S, S) float64 that keeps a target from jumping."""
    return torch.from_numpy(np.outer(np.hanning(side), np.hanning(side)))


def best_cells(
    score: Tensor,
    box: Tensor,
    sizes: Tensor,
    anchors: Tensor,
    weights: Tensor,
    window: Tensor,
) -> Tensor:
    """Row and column (N, 2) int64 of each item's best anchor; any cell where a map is not finite.

    ``score`` (N, k, S, S) is the probability, ``box`` (N, 4, k, S, S) the raw box head, ``sizes``
    (N, 2) the targets' and ``anchors`` (N, k, 2) the anchors' width and height in search-crop
    pixels, ``weights`` (N, 2) the strength of the penalty and the window's influence. A map
    smaller than the window gets its middle.
    """
    score, box = score.double(), box.double()
    strength, influence = (weight[:, None, None, None] for weight in weights.unbind(1))
    anchor_w, anchor_h = (side[:, :, None, None] for side in anchors.unbind(2))
    width, height = torch.exp(box[:, 2]) * anchor_w, torch.exp(box[:, 3]) * anchor_h
    target_w, target_h = (side[:, None, None, None] for side in sizes.unbind(1))
    size_change = _change(_context(width, height) / _context(target_w, target_h))
    shape_change = _change((target_w / target_h) / (width / height))
    penalty = torch.exp(-(shape_change * size_change - 1) * strength)
    side = score.shape[-1]
    rim = (len(window) - side) // 2
    window = window[rim : rim + side, rim : rim + side]
    ranking = penalty * score * (1 - influence) + window * influence
    best = ranking.flatten(1).argmax(dim=1) % side**2
    return torch.stack([best // side, best % side], dim=1)


def _change(ratio: Tensor) -> Tensor:
    return torch.maximum(ratio, 1 / ratio)


def _context(width: Tensor, height: Tensor) -> Tensor:
    margin = (width + height) / 2
    return torch.sqrt((width + margin) * (height + margin))
