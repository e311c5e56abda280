"""Which part of the pyramid belongs to a cell, and how the mask grows from there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from siammask_ros.model.refine import Refinement, cut_windows

# Level by level, finest first: side for a 255-pixel crop, window, padding, step.
LEVELS = [(125, 61, 16, 4), (63, 31, 8, 2), (31, 15, 4, 1)]


def index(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


@pytest.fixture(scope="module")
def pyramid() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(2, 3, side, side, generator=generator) + 1 for side, *_ in LEVELS)


def test_no_cells_give_no_windows(pyramid: tuple[torch.Tensor, ...]) -> None:
    windows = cut_windows(pyramid, (61, 31, 15), index(), index(), index())
    assert [tuple(window.shape) for window in windows] == [
        (0, 3, 61, 61),
        (0, 3, 31, 31),
        (0, 3, 15, 15),
    ]


@pytest.mark.parametrize(
    "cell", [(0, 0, 0), (1, 12, 12), (0, 24, 24), (1, 0, 24), (1, 5, 19)], ids=str
)
def test_a_window_is_cut_from_the_zero_padded_level(
    pyramid: tuple[torch.Tensor, ...], cell: tuple[int, int, int]
) -> None:
    item, row, column = cell
    windows = cut_windows(pyramid, (61, 31, 15), index(item), index(row), index(column))
    for level, window, (_, size, padding, step) in zip(pyramid, windows, LEVELS, strict=True):
        padded = np.pad(level[item].numpy(), ((0, 0), (padding,) * 2, (padding,) * 2))
        top, left = row * step, column * step
        expected = padded[:, top : top + size, left : left + size]
        assert np.array_equal(window[0].numpy(), expected)


def test_cells_of_several_items_are_cut_at_once(pyramid: tuple[torch.Tensor, ...]) -> None:
    cells = [(1, 3, 4), (0, 20, 2), (1, 3, 5)]
    together = cut_windows(
        pyramid, (61, 31, 15), *(index(*axis) for axis in zip(*cells, strict=True))
    )
    for position, cell in enumerate(cells):
        alone = cut_windows(pyramid, (61, 31, 15), *(index(value) for value in cell))
        for many, one in zip(together, alone, strict=True):
            assert torch.equal(many[position], one[0])


def handing_through(network: Refinement) -> Refinement:
    """Only the first channel of the way up is left, and no level of the pyramid adds to it."""
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                module.bias.zero_()
                if not name.startswith("v"):
                    module.weight[0, 0, 1, 1] = 1
        network.deconv.weight.zero_()
        network.deconv.bias.zero_()
    return network


@pytest.mark.parametrize(
    ("windows", "mask_size"), [((61, 31, 15), 127), ((64, 32, 16), 128)], ids=["resnet50", "lite"]
)
def test_upsampling_is_by_nearest_neighbour(windows: tuple[int, int, int], mask_size: int) -> None:
    network = handing_through(Refinement(1, (1, 1, 1), windows, mask_size))
    side = windows[-1]
    seed = torch.rand(side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.deconv.weight[0, 0] = seed

        parts = [torch.ones(1, 1, size, size) for size in windows]
        mask = network(torch.ones(1, 1), *parts)[0].numpy()

    expected = seed.numpy()
    for size in (windows[1], windows[0], mask_size):
        nearest = np.arange(size) * expected.shape[0] // size
        expected = expected[np.ix_(nearest, nearest)]
    assert np.array_equal(mask, expected)
