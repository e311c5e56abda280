"""Measures the network on pairs of the validation split during training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from siammask_ros.model.siammask import SiamMask, score_probability
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.pairs import PairSampler
from siammask_ros.training.sample_grid import draw_sample_grid
from siammask_ros.training.sources import is_validation_clip, load_clips

_BATCH = 16
_SHOWN = 24


class Validation:
    """A fixed set of pairs from the validation videos, or from all clips where none are."""

    def __init__(self, config: TrainingConfig, out: Path) -> None:
        self._out = out
        clips = load_clips(config.sources)
        held_back = [clip for clip in clips if is_validation_clip(clip, config.holdout)]
        sampler = PairSampler(held_back or clips, config.pairs, seed=config.seed + 1)
        self._pairs = [sampler.at(index) for index in range(config.validation_pairs)]

    def run(self, network: SiamMask) -> dict[str, float]:
        """Evaluate the pairs and draw ``samples.png``.

        ``mask_iou``: mean IoU of the mask at the best cell, for pairs with the target;
        ``score_with_target`` and ``score_without``: mean best score of pairs with and without.
        """
        predictions = list(self._predict(network))
        counted = list(zip(self._pairs, predictions, strict=True))
        predicted = [replace(pair, mask=mask) for pair, (mask, _) in counted]
        if predicted:
            cv2.imwrite(str(self._out / "samples.png"), draw_sample_grid(predicted[:_SHOWN]))
        return {
            "mask_iou": _mean(
                [_iou(mask, pair.mask) for pair, (mask, _) in counted if pair.positive]
            ),
            "score_with_target": _mean([score for pair, (_, score) in counted if pair.positive]),
            "score_without": _mean([score for pair, (_, score) in counted if not pair.positive]),
        }

    def _predict(self, network: SiamMask) -> Iterator[tuple[NDArray[np.int8], float]]:
        """For every pair: the mask (255, 255) of ±1 at the best cell, and that cell's score."""
        device = next(network.parameters()).device
        variant = network.variant
        for first in range(0, len(self._pairs), _BATCH):
            pairs = self._pairs[first : first + _BATCH]
            templates, searches = (
                torch.from_numpy(np.stack(crops)).to(device).permute(0, 3, 1, 2).float()
                for crops in ([p.template for p in pairs], [p.search for p in pairs])
            )
            with torch.inference_mode():
                maps = network.search(searches, network.template(templates))
                score = score_probability(maps.score, variant.anchors).amax(dim=1)
                best = score.flatten(1).argmax(dim=1)
                rows, columns = best // variant.score_size, best % variant.score_size
                items = torch.arange(len(pairs), device=device)
                masks = (network.masks(maps, items, rows, columns).logits > 0).cpu().numpy()
                scores = score.flatten(1).amax(dim=1).cpu().numpy()
            for mask, row, column, value in zip(
                masks, rows.tolist(), columns.tolist(), scores, strict=True
            ):
                yield _place_on_search(mask, row, column, network), float(value)


def _place_on_search(
    mask: NDArray[np.bool_], row: int, column: int, network: SiamMask
) -> NDArray[np.int8]:
    """A cell's mask in its place on the search crop: +1 target, −1 elsewhere."""
    variant = network.variant
    cover = variant.mask_cover
    scaled = cv2.resize(mask.astype(np.uint8), (cover, cover), interpolation=cv2.INTER_NEAREST)
    padding = variant.stride * variant.base_size // 2
    side = variant.search_size + 2 * padding + variant.stride
    canvas = np.full((side, side), -1, np.int8)
    y, x = row * variant.stride, column * variant.stride
    canvas[y : y + cover, x : x + cover][scaled > 0] = 1
    return canvas[padding : padding + variant.search_size, padding : padding + variant.search_size]


def _iou(mask: NDArray[np.int8], label: NDArray[np.int8]) -> float:
    predicted, target = (mask > 0) & (label != 0), label > 0
    union = np.count_nonzero(predicted | target)
    return np.count_nonzero(predicted & target) / union if union else 1.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
