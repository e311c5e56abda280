"""Which of the network's boxes is the target (paper, section 3.2; SiamRPN's penalties)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.anchors import anchor_grid
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The best anchor of one target: its cell, box in search-crop pixels, score and penalty."""

    row: int
    column: int
    offset_in_crop: tuple[float, float]
    size_in_crop: tuple[float, float]
    score: float
    penalty: float


@dataclass(frozen=True, slots=True)
class AnchorField:
    """Anchor centres (2, S, S), sizes (k, 2) and the cosine window (S, S) of a network.

    For a crop smaller than the network was tuned for they are the middle of those of the full
    one: a target at a place ranks there as it would have in the full crop.
    """

    centers: Floats
    sizes: Floats
    window: Floats

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, variant: Variant) -> AnchorField:
        """The field of this network."""
        side = variant.score_size
        centers, sizes = anchor_grid(
            variant.anchor_ratios, variant.anchor_scale, variant.stride, side
        )
        rim = (variant.window_cells - side) // 2
        falloff = np.hanning(variant.window_cells)[rim : rim + side]
        return cls(centers, sizes, np.outer(falloff, falloff))


def choose(
    score: NDArray[Any],
    box: NDArray[Any],
    target_size_in_crop: tuple[float, float],
    anchors: AnchorField,
    config: TrackerConfig,
) -> Choice | None:
    """The best anchor for one target, or None where the network's answer is not finite.

    ``score`` (k, S, S) is the probability, ``box`` (4, k, S, S) the raw box head.
    """
    if not (np.isfinite(score).all() and np.isfinite(box).all()):
        return None
    score = score.astype(np.float64)
    box = box.astype(np.float64)
    anchor_w, anchor_h = anchors.sizes.T[:, :, None, None]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        width, height = np.exp(box[2]) * anchor_w, np.exp(box[3]) * anchor_h
        penalty = _penalty(width, height, target_size_in_crop, config.penalty_k)
        ranking = penalty * score * (1 - config.window_influence)
        ranking = ranking + anchors.window * config.window_influence
    if not np.isfinite(ranking).all():
        return None
    anchor, row, column = (int(i) for i in np.unravel_index(ranking.argmax(), ranking.shape))
    best = (anchor, row, column)
    x = box[0][best] * anchors.sizes[anchor, 0] + anchors.centers[0, row, column]
    y = box[1][best] * anchors.sizes[anchor, 1] + anchors.centers[1, row, column]
    size = float(width[best]), float(height[best])
    # A finite raw width of 800 is a side of e^800: no number any more.
    if not np.isfinite(size).all():
        return None
    return Choice(row, column, (float(x), float(y)), size, float(score[best]), float(penalty[best]))


def _penalty(width: Floats, height: Floats, target: tuple[float, float], strength: float) -> Floats:
    """1 for a box of the target's size and shape, less the more it differs."""
    target_w, target_h = target
    size_change = _change(_context(width, height) / _context(target_w, target_h))
    shape_change = _change((target_w / target_h) / (width / height))
    penalty: Floats = np.exp(-(shape_change * size_change - 1) * strength)
    return penalty


def _change(ratio: Floats) -> Floats:
    return np.maximum(ratio, 1 / ratio)


def _context(width: Any, height: Any) -> Any:
    margin = (width + height) / 2
    return np.sqrt((width + margin) * (height + margin))
