"""The network in the parts that other runtimes run: template, search, and a chosen cell's mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from siammask_ros.engines.requests import PartName
from siammask_ros.model.heads import depthwise_correlation
from siammask_ros.model.refine import cut_windows
from siammask_ros.model.siammask import SiamMask, score_probability

# An example of a part's inputs, one item each.
Example = tuple[Tensor, ...]


class SearchPart(nn.Module):
    """Crops (N, H, W, 3) uint8 and a template's kernels to score, box, correlation and pyramid.

    Without masks it ends with the box, without refinement with the correlation. It takes crops of
    any size; ``search_size`` is that of its example, by default the variant's.
    """

    def __init__(self, network: SiamMask, search_size: int | None = None) -> None:
        super().__init__()
        self.network = network
        self.search_size = search_size or network.variant.search_size

    def forward(self, crops: Tensor, *kernels: Tensor) -> tuple[Tensor, ...]:
        """Score (N, k, S, S), box (N, 4, k, S, S), correlation (N, C, S, S), finest first."""
        variant = self.network.variant
        features, pyramid = self.network.features(crops.permute(0, 3, 1, 2).float())
        heads = self.network.heads()
        matched = kernels[len(heads) :]
        if matched:
            pyramid = self.network.match(pyramid, *matched)
        maps = [
            depthwise_correlation(head.conv_search(features), kernel)
            for head, kernel in zip(heads, kernels, strict=False)
        ]
        score = score_probability(heads[0].head(maps[0]), variant.anchors)
        box = heads[1].head(maps[1]).unflatten(1, (4, variant.anchors))
        return (score, box, *maps[2:], *(pyramid if variant.has_refinement else ()))

    def example(self) -> Example:
        """Inputs as they come."""
        template_side = self.network.variant.template_size
        with torch.inference_mode():
            kernels = self.network.template(torch.zeros(1, 3, template_side, template_side))
        crop = torch.zeros(1, self.search_size, self.search_size, 3, dtype=torch.uint8)
        return (crop, *keep_present(kernels))


class TemplatePart(nn.Module):
    """Template crops (N, h, w, 3) uint8 to what is kept of them: once a target."""

    def __init__(self, network: SiamMask) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """The kernels in the order of ``SearchPart``'s inputs."""
        return tuple(keep_present(self.network.template(crops.permute(0, 3, 1, 2).float())))

    def example(self) -> Example:
        """Inputs as they come."""
        side = self.network.variant.template_size
        return (torch.zeros(1, side, side, 3, dtype=torch.uint8),)


class MaskPart(nn.Module):
    """Correlation vectors (N, C), and windows of the pyramid, to masks and their quality."""

    def __init__(self, network: SiamMask) -> None:
        super().__init__()
        self.network = network

    def forward(self, vectors: Tensor, *windows: Tensor) -> tuple[Tensor, ...]:
        """Mask probabilities (N, M, M) and, where the network tells it, quality (N,).

        ``windows`` are empty without refinement.
        """
        if self.network.variant.has_refinement:
            masks = self.network.refine(vectors, windows)
            return tuple(torch.sigmoid(logits) for logits in keep_present(masks))
        return (torch.sigmoid(self.network.coarse_masks(vectors).logits),)

    def example(self) -> Example:
        """Inputs as they come."""
        variant = self.network.variant
        vectors = torch.zeros(1, variant.head_channels)
        if not variant.has_refinement:
            return (vectors,)
        side = variant.search_size
        with torch.inference_mode():
            kernels = self.network.template(torch.zeros(1, 3, *[variant.template_size] * 2))
            pyramid = self.network.search(torch.zeros(1, 3, side, side), kernels).pyramid
            cell = torch.zeros(1, dtype=torch.int64)
            sizes = self.network.refine_model.window_sizes
            return (vectors, *cut_windows(pyramid, sizes, cell, cell, cell))


def keep_present(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Those that there are: what a network does not have is empty in ``Kernels`` and ``Masks``."""
    return [tensor for tensor in tensors if tensor.numel()]


# What other runtimes take of a network.
Part = TemplatePart | SearchPart | MaskPart
PARTS: dict[PartName, type[Part]] = {
    "template": TemplatePart,
    "search": SearchPart,
    "mask": MaskPart,
}
