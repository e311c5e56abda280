"""SiamMask: one Siamese network that scores, boxes and masks a target (CVPR 2019, section 3).

A pure function of its inputs: a template gives kernels, kernels and a search crop give maps, a
cell of the maps gives a mask. Nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from siammask_ros.model.efficientnet import EfficientNetLite0
from siammask_ros.model.heads import CorrelationHead
from siammask_ros.model.lite_refine import LiteRefinement
from siammask_ros.model.matching import TemplateMatching
from siammask_ros.model.refine import Refinement, cut_windows
from siammask_ros.model.resnet import Pyramid, ResNet50
from siammask_ros.model.variants import Variant

_BACKBONES: dict[str, type[ResNet50] | type[EfficientNetLite0]] = {
    "resnet50": ResNet50,
    "efficientnet_lite0": EfficientNetLite0,
}


class Kernels(NamedTuple):
    """What is kept of a template: correlation kernels, each (N, C, h, w), and what it matches.

    ``mask`` is empty without masks, ``keys`` and ``values`` (N, C, t, t) without matching.
    """

    score: Tensor
    box: Tensor
    mask: Tensor
    keys: Tensor
    values: Tensor


class SearchMaps(NamedTuple):
    """What a search crop gives, for N items and k anchors on S×S cells.

    ``score`` (N, 2k, S, S) logits, to be read as (2, k), index 1 the target; ``box``
    (N, 4k, S, S), to be read as (4, k); ``mask_correlation`` (N, C, S, S); ``pyramid``, finest
    first.
    """

    score: Tensor
    box: Tensor
    mask_correlation: Tensor
    pyramid: Pyramid


class Masks(NamedTuple):
    """Mask logits (M, mask_size, mask_size) of M cells, and the logits (M,) of their quality.

    ``quality`` is the IoU that a mask is thought to have; empty for networks that do not tell it.
    """

    logits: Tensor
    quality: Tensor


class SiamMask(nn.Module):
    """The network of a variant. Parameter names are those of the authors' files."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        channels, anchors = variant.head_channels, variant.anchors
        backbone = _BACKBONES[variant.backbone]
        self.features = backbone()
        self.rpn_model = nn.ModuleDict(
            {
                "cls": CorrelationHead(channels, 2 * anchors),
                "loc": CorrelationHead(channels, 4 * anchors),
            }
        )
        if variant.has_mask:
            coarse_values = 63 * 63 if variant.has_coarse_mask else 0
            self.mask_model = nn.ModuleDict({"mask": CorrelationHead(channels, coarse_values)})
        fine, middle, coarse = backbone.pyramid_channels
        if variant.has_matching:
            self.matching = TemplateMatching(coarse, backbone.template_side)
            coarse += self.matching.out_channels
        if variant.has_refinement:
            refinement = LiteRefinement if variant.has_matching else Refinement
            self.refine_model = refinement(
                channels, (fine, middle, coarse), backbone.window_sizes, variant.mask_size
            )

    def heads(self) -> list[CorrelationHead]:
        """The heads in the order of ``Kernels``: score, box and, where there are masks, mask."""
        heads: list[Any] = [self.rpn_model["cls"], self.rpn_model["loc"]]
        if self.variant.has_mask:
            heads.append(self.mask_model["mask"])
        return heads

    def template(self, crops: Tensor) -> Kernels:
        """Kernels of template crops (N, 3, 127, 127), BGR 0–255 float."""
        return self.kernels(*self.features(crops))

    def kernels(self, features: Tensor, pyramid: Pyramid) -> Kernels:
        """Kernels of what the backbone gives for template crops."""
        kernels = [head.kernel(features) for head in self.heads()]
        if self.variant.has_matching:
            kernels += self.matching.remember(pyramid[-1])
        return Kernels(*kernels, *[features.new_empty(0)] * (len(Kernels._fields) - len(kernels)))

    def search(self, crops: Tensor, kernels: Kernels) -> SearchMaps:
        """Maps of search crops (N, 3, 255, 255), each with its own target's kernels."""
        features, pyramid = self.features(crops)
        if self.variant.has_matching:
            pyramid = self.match(pyramid, kernels.keys, kernels.values)
        score_head, box_head, *mask_head = self.heads()
        score = score_head(features, kernels.score)
        box = box_head(features, kernels.box)
        if not mask_head:
            return SearchMaps(score, box, score.new_empty(0), pyramid)
        correlation = mask_head[0].correlate(features, kernels.mask)
        return SearchMaps(score, box, correlation, pyramid)

    def match(self, pyramid: Pyramid, keys: Tensor, values: Tensor) -> Pyramid:
        """A search crop's pyramid, its coarsest level with what it recalls of the template."""
        fine, middle, coarse = pyramid
        return fine, middle, torch.cat([coarse, *self.matching(coarse, keys, values)], dim=1)

    def masks(self, maps: SearchMaps, items: Tensor, rows: Tensor, columns: Tensor) -> Masks:
        """Masks at M cells: batch item, row and column, int64."""
        vectors = maps.mask_correlation[items, :, rows, columns]
        if self.variant.has_refinement:
            sizes = self.refine_model.window_sizes
            windows = cut_windows(maps.pyramid, sizes, items, rows, columns)
            return self.refine(vectors, windows)
        return self.coarse_masks(vectors)

    def coarse_masks(self, vectors: Tensor) -> Masks:
        """Masks of correlation vectors (M, C) for a network without refinement."""
        side = self.variant.mask_size
        coarse: Tensor = self.heads()[2].head(vectors[:, :, None, None])
        return Masks(coarse.reshape(-1, side, side), coarse.new_empty(0))

    def refine(self, vectors: Tensor, windows: Sequence[Tensor]) -> Masks:
        """Masks of correlation vectors (M, C) and their cells' windows of the pyramid."""
        refined = self.refine_model(vectors, *windows)
        if self.variant.has_matching:
            return Masks(*refined)
        return Masks(refined, refined.new_empty(0))

    def forward(self, crops: Tensor, kernels: Kernels) -> SearchMaps:
        """The same as ``search``."""
        return self.search(crops, kernels)


def score_probability(score: Tensor, anchors: int) -> Tensor:
    """Target probability (N, k, S, S) from score logits (N, 2k, S, S)."""
    items, _, height, width = score.shape
    return torch.softmax(score.reshape(items, 2, anchors, height, width), dim=1)[:, 1]
