"""The parts of the network that other runtimes run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.random_network import lively_network

from siammask_ros.engines.parts import SearchPart, keep_present
from siammask_ros.model.refine import cut_windows
from siammask_ros.model.variants import VARIANTS
from siammask_ros.model.windows import cell_windows


@pytest.mark.parametrize("model", ["lite", "resnet50"])
@pytest.mark.parametrize("cell", [(0, 0), (24, 24), (0, 24), (12, 12), (3, 20)])
def test_a_cells_windows_are_those_of_the_network(model: str, cell: tuple[int, int]) -> None:
    network = lively_network(VARIANTS[model])
    search = SearchPart(network)
    crops, *kernels = search.example()
    with torch.inference_mode():
        crops = torch.randint(0, 256, crops.shape, dtype=torch.uint8)
        _, _, *maps = search(crops, *kernels)
        index = (torch.tensor([number]) for number in (0, *cell))
        sizes = network.refine_model.window_sizes
        expected = cut_windows((maps[1], maps[2], maps[3]), sizes, *index)
    windows = cell_windows([each.numpy() for each in maps[1:]], sizes, *cell)
    assert all(np.any(window) for window in windows)
    for window, other in zip(windows, expected, strict=True):
        assert np.array_equal(window, other.numpy())


def test_a_network_without_masks_has_two_kernels() -> None:
    network = lively_network(VARIANTS["resnet50_box"])
    with torch.inference_mode():
        assert len(keep_present(network.template(torch.zeros(1, 3, 127, 127)))) == 2
