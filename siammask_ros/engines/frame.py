"""All that a frame needs of the network, as one function of tensors: search, selection and mask.

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
from siammask_ros.engines.merged_heads import MergedHeads
from siammask_ros.engines.parts import keep_present
from siammask_ros.model.choice import cell_queries, query_width, select_cells, selection_queries
from siammask_ros.model.refine import cut_lines, window_lines
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant, get_variant


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
    """A folded network from crops to packed answers, its heads merged."""

    center: Tensor | None

    def __init__(
        self, network: SiamMask, memory_format: torch.memory_format = torch.channels_last
    ) -> None:
        super().__init__()
        variant = network.variant
        self.network = network
        self.heads = MergedHeads(network.heads(), variant.anchors)
        self.memory_format = memory_format
        self.dtype = next(network.parameters()).dtype
        # Subtracted from the pixels where ``fuse`` took the normalisation out of the network.
        self.register_buffer("center", None)
        if variant.has_refinement:
            for side in {variant.score_size, _small(variant).score_size}:
                lines = window_lines(side, network.refine_model.window_sizes)
                self.register_buffer(_lines_name(side), lines)

    def template(self, crops: Tensor) -> list[Tensor]:
        """What is kept of template crops (N, h, w, 3) uint8: tensors whose first axis is N."""
        features, pyramid = self.network.features(self._pixels(crops))
        kernels = [self.heads.kernel(features)]
        if self.network.variant.has_matching:
            kernels += self.network.matching.remember(pyramid[-1])
        return kernels

    def forward(self, crops: Tensor, queries: Tensor, *kernels: Tensor) -> Tensor:
        """Answers (N, ``answer_width``) float32, as ``unpack`` reads them.

        ``crops`` (N, H, W, 3) uint8, ``queries`` as of ``make_queries``, ``kernels`` the
        templates'.
        """
        network, variant = self.network, self.network.variant
        features, pyramid = network.features(self._pixels(crops))
        maps, correlation = self.heads(features, kernels[0])
        # In one copy: the answer's order, and its precision.
        maps = maps.to(torch.float32, memory_format=torch.contiguous_format)
        score, cells = select_cells(maps, queries.float())
        box = maps[:, 2 * variant.anchors : 6 * variant.anchors]
        parts = [score, box, cells.float()]
        if variant.has_mask:
            items = torch.arange(len(crops), device=crops.device)
            vectors = correlation.flatten(2)[items, :, cells]
            if variant.has_refinement:
                if variant.has_matching:
                    pyramid = network.match(pyramid, *kernels[1:])
                lines = getattr(self, _lines_name(maps.shape[-1]))[cells]
                sizes = network.refine_model.window_sizes
                masks = network.refine(vectors, cut_lines(pyramid, sizes, items, lines))
            else:
                masks = network.coarse_masks(vectors)
            parts += [torch.sigmoid(logits.float()) for logits in keep_present(masks)]
        return torch.cat([part.reshape(len(crops), -1) for part in parts], dim=1)

    def _pixels(self, crops: Tensor) -> Tensor:
        pixels = crops.permute(0, 3, 1, 2)
        if self.center is not None:
            # Of bytes and halves PyTorch makes halves, in one launch.
            return pixels - self.center
        return pixels.to(self.dtype, memory_format=self.memory_format)


def make_queries(
    variant: Variant, items: int, params: SelectionParams | None
) -> NDArray[np.float32]:
    """What a frame is asked, an item a row: the cell to select by, or else the middle."""
    side = variant.score_size
    if params is None:
        return cell_queries(np.full(items, side * side // 2), variant.anchors, side)
    return selection_queries(
        params.sizes_in_crop,
        params.anchor_sizes,
        params.penalty_k,
        params.window_influence,
        side,
        variant.window_cells,
    )


def make_cell_queries(variant: Variant, cells: NDArray[Any]) -> NDArray[np.float32]:
    """Queries for the masks at these cells (N, 2), row and column."""
    side = variant.score_size
    return cell_queries(cells[:, 0] * side + cells[:, 1], variant.anchors, side)


def frame_query_width(variant: Variant) -> int:
    """Numbers in a row of ``make_queries``."""
    return query_width(variant.anchors, variant.score_size)


def answer_width(variant: Variant) -> int:
    """Numbers in an item's answer."""
    return 5 * _map_values(variant) + 1 + variant.mask_size**2 + variant.has_matching


def unpack(packed: Floats, variant: Variant) -> Answer:
    """The answers (N, ``answer_width``) as what they are; views, but for the cells."""
    values, anchors, side = _map_values(variant), variant.anchors, variant.score_size
    ends = np.cumsum([values, 4 * values, 1, variant.mask_size**2])
    score, box, cells, masks, quality = np.split(packed, ends, axis=1)
    items = len(packed)
    return Answer(
        [*score.reshape(items, anchors, side, side)],
        [*box.reshape(items, 4, anchors, side, side)],
        np.stack(np.divmod(cells[:, 0].astype(np.int64), side), axis=1),
        Masks(
            masks.reshape(items, variant.mask_size, variant.mask_size),
            quality[:, 0] if variant.has_matching else None,
        ),
    )


def _map_values(variant: Variant) -> int:
    return variant.anchors * variant.score_size**2


def _small(variant: Variant) -> Variant:
    # Not the engine's, which may have none until it has been timed.
    return variant.with_search_size(get_variant(variant.name).small_search_size)


def _lines_name(side: int) -> str:
    return f"window_lines_{side}"
