"""A folded network computes what the network computes that it was made from."""

from __future__ import annotations

import pytest
import torch
from support.random_network import lively_network
from torch import Tensor, nn

from siammask_ros.model.fold import fold_norms
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import VARIANTS

# Of the largest value; in double, where only the folding can differ.
BOUND = 1e-9
CELL = torch.tensor([12])


@pytest.fixture(scope="module", params=VARIANTS)
def network(request: pytest.FixtureRequest) -> SiamMask:
    return lively_network(VARIANTS[request.param]).double()


def outputs(network: SiamMask) -> list[Tensor]:
    """Everything that a template and a search crop give, with the mask of the middle cell."""
    source = torch.Generator().manual_seed(1)
    template, search = (_pixels(side, source) for side in (127, 255))
    with torch.inference_mode():
        kernels = network.template(template)
        maps = network.search(search, kernels)
        found = [*kernels, maps.score, maps.box, maps.mask_correlation, *maps.pyramid]
        if network.variant.has_mask:
            found += network.masks(maps, torch.tensor([0]), CELL, CELL)
    return [values for values in found if values.numel()]


def _pixels(side: int, source: torch.Generator) -> Tensor:
    return torch.rand(1, 3, side, side, generator=source, dtype=torch.float64) * 255


def test_a_folded_network_gives_the_same_and_leaves_the_other_as_it_was(network: SiamMask) -> None:
    before = {name: values.clone() for name, values in network.state_dict().items()}
    expected = outputs(network)
    fold = fold_norms(network)

    for ours, theirs in zip(outputs(fold), expected, strict=True):
        assert (ours - theirs).abs().max() < BOUND * theirs.abs().max()
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(values, after[name]) for name, values in before.items())


def test_no_norm_is_left_and_the_weights_lie_channels_last(network: SiamMask) -> None:
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    fold = fold_norms(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fold.modules())
    for module in fold.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.is_contiguous(memory_format=torch.channels_last)
            assert module.weight.dtype == torch.float64


def test_a_change_of_a_norm_would_be_seen() -> None:
    """Else a norm that is ignored would pass as folded."""
    network = lively_network(VARIANTS["lite"]).double()
    plain, changed = outputs(fold_norms(network)), network.heads()[1].conv_search[1]
    assert isinstance(changed, nn.BatchNorm2d)
    changed.running_mean = changed.running_mean + 1 if changed.running_mean is not None else None
    after = outputs(fold_norms(network))
    assert max((a - b).abs().max().item() for a, b in zip(after, plain, strict=True)) > 0.1
