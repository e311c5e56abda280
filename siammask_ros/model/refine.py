"""Refinement of one cell's mask with the backbone's finer maps (paper, appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from siammask_ros.model.resnet import Pyramid
from siammask_ros.model.windows import PADDINGS, STEPS


def cut_windows(
    pyramid: Pyramid, sizes: tuple[int, int, int], items: Tensor, rows: Tensor, columns: Tensor
) -> Pyramid:
    """The part of each pyramid level that belongs to a cell: (M, C, size, size), finest first.

    ``items``, ``rows`` and ``columns`` (M,) int64 name M cells: which item of the batch, and where
    on its score map. A level is padded with zeros before it is cut.
    """
    cells = torch.stack([rows, columns], dim=1)
    reach = torch.arange(max(sizes), device=items.device)
    lines = [
        torch.add(reach[:size], cells[:, :, None], alpha=step)
        for size, step in zip(sizes, STEPS, strict=True)
    ]
    return cut_lines(pyramid, sizes, items, torch.cat(lines, dim=2))


def window_lines(side: int, sizes: tuple[int, int, int]) -> Tensor:
    """The ``lines`` of ``cut_lines`` for each cell of a map of ``side``² cells, (side², 2, n)."""
    cells = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
    cells = cells.reshape(2, -1, 1).transpose(0, 1)
    lines = [torch.arange(size) + cells * step for size, step in zip(sizes, STEPS, strict=True)]
    return torch.cat(lines, dim=2)


def cut_lines(
    pyramid: Pyramid, sizes: tuple[int, int, int], items: Tensor, lines: Tensor
) -> Pyramid:
    """Windows as of ``cut_windows``, from the padded levels' rows and columns (M, 2, n) int64.

    Those of the finest level come first; n is the sum of ``sizes``.
    """
    levels = []
    lines_of_levels = torch.split(lines, [*sizes], dim=2)
    for level, padding, line in zip(pyramid, PADDINGS, lines_of_levels, strict=True):
        padded = functional.pad(level, (padding,) * 4)
        window = padded[items[:, None, None], :, line[:, 0, :, None], line[:, 1, None]]
        levels.append(window.permute(0, 3, 1, 2))
    return levels[0], levels[1], levels[2]


def _two_convolutions(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, middle, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class Refinement(nn.Module):
    """From a correlation vector to mask logits, through three levels of detail."""

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
        self.v0 = _two_convolutions(fine, max(fine // 4, 16), 4)
        self.v1 = _two_convolutions(middle, max(middle // 4, 24), 16)
        self.v2 = _two_convolutions(coarse, max(coarse // 4, 64), 32)
        self.h2 = _two_convolutions(32, 32, 32)
        self.h1 = _two_convolutions(16, 16, 16)
        self.h0 = _two_convolutions(4, 4, 4)
        self.deconv = nn.ConvTranspose2d(channels, 32, side, side)
        self.post0 = nn.Conv2d(32, 16, 3, padding=1)
        self.post1 = nn.Conv2d(16, 4, 3, padding=1)
        self.post2 = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, correlation: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """Mask logits (M, mask_size, mask_size).

        ``correlation`` is (M, C): the mask branch's map at M cells; the windows are those of
        ``cut_windows``. Upsampling is by nearest neighbour, as in the authors' network.
        """
        fine_size, middle_size, _ = self.window_sizes
        out = self.deconv(correlation[:, :, None, None])
        out = self.post0(_upsample(self.h2(out) + self.v2(coarse), middle_size))
        out = self.post1(_upsample(self.h1(out) + self.v1(middle), fine_size))
        logits: Tensor = self.post2(_upsample(self.h0(out) + self.v0(fine), self.mask_size))
        return logits[:, 0]


def _upsample(x: Tensor, side: int) -> Tensor:
    return functional.interpolate(x, size=(side, side), mode="nearest")
