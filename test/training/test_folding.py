"""The folded view of a backbone computes what the backbone computes, and trains its weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant
from siammask_ros.training.folding import FoldedConvolution, fold_norms


@pytest.fixture(params=["lite", "resnet50"])
def backbone(request: pytest.FixtureRequest) -> nn.Module:
    """A backbone with random weights and random statistics."""
    torch.manual_seed(3)
    features: nn.Module = SiamMask(get_variant(request.param)).features.eval()
    for module in features.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return features


@pytest.mark.parametrize("trains", [False, True])
def test_the_view_gives_what_the_backbone_gives(backbone: nn.Module, trains: bool) -> None:
    backbone.requires_grad_(trains)
    crops = torch.rand(2, 3, 127, 127) * 255
    expected, pyramid = backbone(crops)
    given, given_pyramid = fold_norms(backbone)(crops)
    for want, have in zip((expected, *pyramid), (given, *given_pyramid), strict=True):
        torch.testing.assert_close(have, want, rtol=1e-3, atol=1e-3)


def test_a_view_holds_no_norm_and_no_weight_of_its_own_where_all_trains(
    backbone: nn.Module,
) -> None:
    view = fold_norms(backbone.requires_grad_(True))
    assert not [module for module in view.children() if isinstance(module, nn.BatchNorm2d)]
    ours = {id(parameter) for parameter in backbone.parameters()}
    theirs = {id(parameter) for parameter in view.parameters()}
    assert theirs and theirs <= ours


def test_gradients_of_the_view_are_those_of_the_backbone() -> None:
    torch.manual_seed(0)
    pair = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)).eval()
    nn.init.uniform_(pair[1].running_var, 0.5, 2.0)
    nn.init.normal_(pair[1].running_mean)
    x = torch.randn(2, 3, 8, 8)
    pair(x).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in pair.parameters()]
    pair.zero_grad()
    view = fold_norms(pair)
    assert isinstance(view[0], FoldedConvolution)
    view(x).square().sum().backward()
    for parameter, gradient in zip(pair.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-4)


def test_what_is_frozen_is_a_copy_in_the_dtype_that_was_asked_for() -> None:
    pair = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval().requires_grad_(False)
    view = fold_norms(pair, torch.bfloat16)
    assert view[0].weight.dtype == torch.bfloat16
    assert pair[0].weight.dtype == torch.float32


def test_a_norm_that_uses_the_batch_stays() -> None:
    pair = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    view = fold_norms(pair)
    assert view[0] is pair[0] and view[1] is pair[1]
