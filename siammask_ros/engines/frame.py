"""All that a frame asks of the network, as one function of tensors: search, choice and mask.

Nothing in it waits for the host, so that a GPU can be given all of it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siammask_ros.engines.base import Floats, Masks, SelectionParams
from siammask_ros.engines.parts import used
from siammask_ros.model.choice import best_cells, cosine_window, ranking_terms, terms_width
from siammask_ros.model.siammask import Kernels, SiamMask, score_probability
from siammask_ros.model.variants import Variant

# The columns of ``asks``.
_CELL, _TERMS = slice(0, 2), slice(2, None)
_CHOOSE = -1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a frame gives for N items: the maps of ``Response``, cells (N, 2) and their masks.

    The masks are (N, M, M), M = 0 for a network without.
    """

    score: Sequence[Floats]
    box: Sequence[Floats]
    cells: NDArray[np.int64]
    masks: Masks


class FrameNetwork(nn.Module):
    """A network from search crops to packed answers."""

    window: Tensor

    def __init__(
        self, network: SiamMask, memory_format: torch.memory_format = torch.channels_last
    ) -> None:
        super().__init__()
        self.network = network
        self.memory_format = memory_format
        self.register_buffer("window", cosine_window(network.variant.window_cells))

    def forward(self, crops: Tensor, asks: Tensor, *kernels: Tensor) -> Tensor:
        """Answers (N, ``answer_width``) float32, as ``unpacked`` reads them.

        ``crops`` (N, H, W, 3) uint8, ``asks`` as of ``asks_of``, ``kernels`` the templates'.
        """
        network, variant = self.network, self.network.variant
        dtype = kernels[0].dtype
        none = [crops.new_empty(0)] * (len(Kernels._fields) - len(kernels))
        pixels = crops.permute(0, 3, 1, 2).to(dtype, memory_format=self.memory_format)
        maps = network.search(pixels, Kernels(*kernels, *none))
        score = score_probability(maps.score.float(), variant.anchors)
        box = maps.box.float().reshape(-1, 4, variant.anchors, *maps.box.shape[2:])
        guess = best_cells(score, box, asks[:, _TERMS].float(), self.window)
        asked = asks[:, _CELL].long()
        cells = torch.where(asked >= 0, asked, guess)
        parts = [score, box, cells.float()]
        if variant.has_mask:
            items = torch.arange(len(crops), device=crops.device)
            masks = network.masks(maps, items, cells[:, 0], cells[:, 1])
            parts += [torch.sigmoid(logits.float()) for logits in used(masks)]
        return torch.cat([part.reshape(len(crops), -1) for part in parts], dim=1)


def asks_of(variant: Variant, items: int, params: SelectionParams | None) -> NDArray[np.float64]:
    """What is asked of a frame, an item a row: the cell to be guessed by params, or the middle."""
    asks = np.ones((items, asks_width(variant)))
    asks[:, _CELL] = variant.score_size // 2
    if params is not None:
        asks[:, _CELL] = _CHOOSE
        asks[:, _TERMS] = ranking_terms(
            params.sizes_in_crop, params.anchor_sizes, params.penalty_k, params.window_influence
        )
    return asks


def with_cells(asks: NDArray[np.float64], cells: NDArray[Any]) -> NDArray[np.float64]:
    """The same asked, but for the masks at these cells (N, 2)."""
    asks = asks.copy()
    asks[:, _CELL] = cells
    return asks


def asks_width(variant: Variant) -> int:
    """Numbers in a row of ``asks_of``."""
    return 2 + terms_width(variant.anchors)


def answer_width(variant: Variant) -> int:
    """Numbers in an item's answer."""
    return 5 * _map_values(variant) + 2 + variant.mask_size**2 + variant.has_matching


def unpacked(packed: Floats, variant: Variant) -> Answer:
    """The answers (N, ``answer_width``) as what they are; views, but for the cells."""
    values, anchors, side = _map_values(variant), variant.anchors, variant.score_size
    ends = np.cumsum([values, 4 * values, 2, variant.mask_size**2])
    score, box, cells, masks, quality = np.split(packed, ends, axis=1)
    items = len(packed)
    return Answer(
        [*score.reshape(items, anchors, side, side)],
        [*box.reshape(items, 4, anchors, side, side)],
        cells.astype(np.int64),
        Masks(
            masks.reshape(items, variant.mask_size, variant.mask_size),
            quality[:, 0] if variant.has_matching else None,
        ),
    )


def _map_values(variant: Variant) -> int:
    return variant.anchors * variant.score_size**2
