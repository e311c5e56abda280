"""Which of the network's boxes is the target (paper, section 3.2; SiamRPN's penalties)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.anchors import anchor_grid
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig

Floats = NDArray[np.float64]

# More than a ranking, at most 1, loses in single precision.
_ROUNDING = 1e-6


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
    scores: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[Any]],
    sizes_in_crop: Sequence[tuple[float, float]],
    fields: Sequence[AnchorField],
    configs: Sequence[TrackerConfig],
) -> list[Choice | None]:
    """The best anchor for each target, or None where the network's answer is not finite.

    ``scores`` (k, S, S) are the probabilities, ``boxes`` (4, k, S, S) the raw box head,
    ``sizes_in_crop`` the targets' width and height in search-crop pixels. Maps of one size are
    computed together.
    """
    choices: list[Choice | None] = [None] * len(scores)
    for side in {score.shape[-1] for score in scores}:
        numbers = [n for n, score in enumerate(scores) if score.shape[-1] == side]
        together = _Maps(
            np.stack([scores[n] for n in numbers]),
            np.stack([boxes[n] for n in numbers]),
            np.array([sizes_in_crop[n] for n in numbers]),
            np.array([configs[n].penalty_k for n in numbers]),
            np.array([configs[n].window_influence for n in numbers]),
            fields[numbers[0]],
        )
        for number, choice in zip(numbers, together.choices(), strict=True):
            choices[number] = choice
    return choices


@dataclass(frozen=True, slots=True)
class _Maps:
    """Maps of N targets: ``scores`` (N, k, S, S) and ``boxes`` (N, 4, k, S, S), and what counts.

    ``sizes`` (N, 2), ``strengths`` (N,) of the penalty, ``influences`` (N,) of the window.
    """

    scores: NDArray[Any]
    boxes: NDArray[Any]
    sizes: Floats
    strengths: Floats
    influences: Floats
    field: AnchorField

    def choices(self) -> list[Choice | None]:
        """The best anchor of each target.

        Only anchors that can still win are ranked exactly: few, for a penalty only lowers a rank.
        """
        items = len(self.scores)
        bounds = self._bounds()
        best = bounds.argmax(axis=1)
        lowest, *_ = self._rank(np.arange(items), best)
        # Negated: a rank that is not finite keeps every anchor, and then gives no choice.
        can_win = ~(bounds < (lowest - _ROUNDING)[:, None])
        can_win &= self._are_finite()[:, None]
        item, anchor = np.nonzero(can_win)
        ranked = self._rank(item, anchor)
        ends = np.searchsorted(item, np.arange(items + 1))
        return [
            self._choice(number, anchor[first:end], *(part[first:end] for part in ranked))
            for number, (first, end) in enumerate(pairwise(ends.tolist()))
        ]

    def _are_finite(self) -> NDArray[np.bool_]:
        whole: NDArray[np.bool_] = np.isfinite(self.scores).all(axis=(1, 2, 3))
        whole &= np.isfinite(self.boxes).all(axis=(1, 2, 3, 4))
        return whole

    def _bounds(self) -> NDArray[np.float32]:
        """What no anchor's rank exceeds, (N, k·S·S)."""
        influences = self.influences.astype(np.float32)[:, None, None, None]
        bounds: NDArray[np.float32] = self.scores * (1 - influences)
        bounds += self.field.window.astype(np.float32) * influences
        return bounds.reshape(len(bounds), -1)

    def _rank(
        self, item: NDArray[np.intp], anchor: NDArray[np.intp]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Rank, penalty, width and height of some anchors (n,) of all cells, in double."""
        kind, cell = np.divmod(anchor, self.field.window.size)
        raw = self.boxes.reshape(len(self.boxes), 4, -1)[item, 2:, anchor].astype(np.float64)
        score = self.scores.reshape(len(self.scores), -1)[item, anchor].astype(np.float64)
        influence = self.influences[item]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            width, height = (np.exp(raw) * self.field.sizes[kind]).T
            penalty = _penalty(width, height, self.sizes[item].T, self.strengths[item])
            rank = penalty * score * (1 - influence) + self.field.window.ravel()[cell] * influence
        return rank, penalty, width, height

    def _choice(
        self,
        item: int,
        anchor: NDArray[np.intp],
        rank: Floats,
        penalty: Floats,
        width: Floats,
        height: Floats,
    ) -> Choice | None:
        """The best of one target's anchors (n,)."""
        if not len(rank) or not np.isfinite(rank).all():
            return None
        best = int(rank.argmax())
        size = float(width[best]), float(height[best])
        # A finite raw width of 800 is a side of e^800: no number any more.
        if not (math.isfinite(size[0]) and math.isfinite(size[1])):
            return None
        field = self.field
        kind, cell = divmod(int(anchor[best]), field.window.size)
        row, column = divmod(cell, field.window.shape[1])
        dx, dy = self.boxes[item, :2, kind, row, column].astype(np.float64)
        x = float(dx * field.sizes[kind, 0] + field.centers[0, row, column])
        y = float(dy * field.sizes[kind, 1] + field.centers[1, row, column])
        score = float(self.scores[item, kind, row, column])
        return Choice(row, column, (x, y), size, score, float(penalty[best]))


def _penalty(width: Floats, height: Floats, target: Floats, strength: Floats) -> Floats:
    """1 for a box of the target's size (2, n) and shape, less the more it differs."""
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
