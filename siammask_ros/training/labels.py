"""The labels of a training pair (paper, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from siammask_ros.geometry.anchors import anchor_grid
from siammask_ros.model.variants import Variant

POSITIVE_IOU = 0.6
NEGATIVE_IOU = 0.3
# A target whose shape fits no anchor well still needs a cell that learns its mask.
_BEST_IS_POSITIVE_FROM = 0.4


@dataclass(frozen=True, slots=True)
class AnchorLabels:
    """The correct output of each anchor for N pairs.

    ``kind`` (N, k, S, S) int8: 1 target, 0 background, −1 neither. ``offsets`` (N, 4, k, S, S):
    the correct output of the box head where kind is 1.
    """

    kind: Tensor
    offsets: Tensor


class AnchorLabeller:
    """Labels anchors by their overlap with the target's box."""

    def __init__(self, variant: Variant) -> None:
        centers, sizes = anchor_grid(
            variant.anchor_ratios, variant.anchor_scale, variant.stride, variant.score_size
        )
        middle = variant.search_size / 2
        x, y = torch.from_numpy(centers).float() + middle
        width, height = torch.from_numpy(sizes).float().T[:, :, None, None]
        shape = (len(sizes), *x.shape)
        self._anchors = torch.stack(
            [x.expand(shape), y.expand(shape), width.expand(shape), height.expand(shape)]
        )

    def __call__(self, box_xyxy: Tensor, positive: Tensor) -> AnchorLabels:
        """Labels for boxes (N, 4) in search-crop pixels and whether a pair shows its target."""
        x, y, width, height = self._anchors.to(box_xyxy.device)
        x0, y0, x1, y1 = (side[:, None, None, None] for side in box_xyxy.unbind(1))
        overlap = _iou((x, y, width, height), (x0, y0, x1, y1))
        best = overlap.amax(dim=(1, 2, 3), keepdim=True).clamp(min=_BEST_IS_POSITIVE_FROM)
        kind = torch.full_like(overlap, -1, dtype=torch.int8)
        kind[overlap < NEGATIVE_IOU] = 0
        kind[(overlap > POSITIVE_IOU) | (overlap >= best)] = 1
        kind[~positive] = 0
        box_w, box_h = (x1 - x0).clamp(min=1.0), (y1 - y0).clamp(min=1.0)
        offsets = torch.stack(
            [
                ((x0 + x1) / 2 - x) / width,
                ((y0 + y1) / 2 - y) / height,
                torch.log(box_w / width),
                torch.log(box_h / height),
            ],
            dim=1,
        )
        return AnchorLabels(kind, offsets)


def _iou(
    anchor_cxcywh: tuple[Tensor, Tensor, Tensor, Tensor],
    box_xyxy: tuple[Tensor, Tensor, Tensor, Tensor],
) -> Tensor:
    x, y, width, height = anchor_cxcywh
    x0, y0, x1, y1 = box_xyxy
    across = torch.minimum(x + width / 2, x1) - torch.maximum(x - width / 2, x0)
    down = torch.minimum(y + height / 2, y1) - torch.maximum(y - height / 2, y0)
    common = across.clamp(min=0) * down.clamp(min=0)
    return common / (width * height + (x1 - x0) * (y1 - y0) - common)


def mask_windows(
    mask: Tensor, items: Tensor, rows: Tensor, columns: Tensor, variant: Variant
) -> Tensor:
    """The label (M, M', M') int8 of each cell's mask: +1, −1, and 0 outside the search crop.

    ``mask`` is (N, S, S) int8; a cell's window starts ``base_size`` / 2 cells before it.
    """
    side = variant.mask_cover
    padding = variant.stride * variant.base_size // 2
    padded = torch.nn.functional.pad(mask, (padding,) * 4)
    reach = torch.arange(side, device=mask.device)
    y = (rows * variant.stride)[:, None, None] + reach[None, :, None]
    x = (columns * variant.stride)[:, None, None] + reach[None, None, :]
    # The last window of a 128-pixel mask ends one pixel beyond the padding.
    limit = padded.shape[-1] - 1
    return padded[items[:, None, None], y.clamp(max=limit), x.clamp(max=limit)]
