"""Refinement of ``lite``: mask and quality of one cell, with more context than the paper's.

The paper's refinement (appendix A) sees a few cells around each pixel; what belongs to one body
but looks unlike it, a cyclist's bicycle, needs a look at all of it. So the coarsest level gets
blocks that see the whole window, and the finer ones only sharpen the outline.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_WIDTHS = (96, 48, 24)
_BLOCKS = 3
_QUALITY_WIDTH = 64


class LiteRefinement(nn.Module):
    """From a correlation vector and three windows to mask logits and the mask's quality."""

    def __init__(
        self,
        channels: int,
        pyramid_channels: tuple[int, int, int],
        window_sizes: tuple[int, int, int],
        mask_size: int,
    ) -> None:
        super().__init__()
        fine, middle, coarse = pyramid_channels
        self.window_sizes = window_sizes
        self.mask_size = mask_size
        side = window_sizes[-1]
        widest, wide, narrow = _WIDTHS
        self.deconv = nn.ConvTranspose2d(channels, 32, side, side)
        self.join = _pointwise(32 + coarse, widest)
        self.whole = nn.Sequential(*(ContextBlock(widest, 5) for _ in range(_BLOCKS)))
        self.quality = nn.Sequential(
            nn.Linear(2 * widest, _QUALITY_WIDTH),
            nn.ReLU(inplace=True),
            nn.Linear(_QUALITY_WIDTH, 1),
        )
        self.down1 = _pointwise(widest, wide)
        self.join1 = _pointwise(wide + middle, wide)
        self.sharpen1 = ContextBlock(wide, 3)
        self.down0 = _pointwise(wide, narrow)
        self.join0 = _pointwise(narrow + fine, narrow)
        self.sharpen0 = ContextBlock(narrow, 3)
        self.last = nn.Conv2d(narrow, 4, 3, padding=1)

    def forward(
        self, correlation: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mask logits (M, mask_size, mask_size) and quality logits (M,).

        ``correlation`` is (M, C): the mask branch's map at M cells; the windows are those of
        ``cut_windows``. The quality is the IoU that the mask is thought to have.
        """
        fine_size, middle_size, _ = self.window_sizes
        hint = self.deconv(correlation[:, :, None, None])
        whole = self.whole(self.join(torch.cat([hint, coarse], dim=1)))
        pooled = torch.cat([whole.mean(dim=(2, 3)), whole.amax(dim=(2, 3))], dim=1)
        out = _upsample(self.down1(whole), middle_size)
        out = self.sharpen1(self.join1(torch.cat([out, middle], dim=1)))
        out = _upsample(self.down0(out), fine_size)
        out = self.sharpen0(self.join0(torch.cat([out, fine], dim=1)))
        logits = functional.pixel_shuffle(self.last(out), self.mask_size // fine_size)
        return logits[:, 0], self.quality(pooled)[:, 0]


class ContextBlock(nn.Module):
    """Looks around by a depthwise convolution, then thinks by two pointwise ones."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 3 * channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(3 * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape again."""
        out: Tensor = x + self.layers(x)
        return out


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _upsample(x: Tensor, side: int) -> Tensor:
    return functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
