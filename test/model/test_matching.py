"""What a search pixel recalls of the template that it resembles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from siammask_ros.model.matching import TemplateMatching

SIDE, CHANNELS = 4, 8


@pytest.fixture
def matching() -> TemplateMatching:
    torch.manual_seed(0)
    network = TemplateMatching(CHANNELS, SIDE)
    with torch.no_grad():
        network.place.normal_()
        network.sharpness.fill_(1000.0)
    # In double: at this sharpness the least rounding shows.
    return network.eval().double()


def features(side: int, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(2, CHANNELS, side, side, generator=source, dtype=torch.float64)


def recall(matching: TemplateMatching, search: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """The recalled values and, as the last channel, the best cosine."""
    return torch.cat(matching(search, keys, values), dim=1)


def test_a_pixel_recalls_the_value_of_the_template_pixel_that_it_equals(
    matching: TemplateMatching,
) -> None:
    template = features(SIDE, 1)
    search = features(9, 2)
    search[:, :, 7, 3] = template[:, :, 1, 2]
    with torch.no_grad():
        keys, values = matching.remember(template)
        recalled = recall(matching, search, keys, values)
    assert recalled.shape == (2, TemplateMatching.out_channels, 9, 9)
    assert torch.allclose(recalled[:, :-1, 7, 3], values[:, :, 1, 2], atol=1e-3)
    assert recalled[:, -1, 7, 3] == pytest.approx(1.0, abs=1e-5)


def test_the_place_in_the_template_is_part_of_what_is_recalled(matching: TemplateMatching) -> None:
    same_everywhere = features(1, 3).expand(2, CHANNELS, SIDE, SIDE)
    _, values = matching.remember(same_everywhere)
    assert not torch.allclose(values[:, :, 0, 0], values[:, :, 1, 1])


def test_each_item_recalls_its_own_template(matching: TemplateMatching) -> None:
    search = features(9, 2)
    with torch.no_grad():
        keys, values = matching.remember(features(SIDE, 1))
        together = recall(matching, search, keys, values)
        for item in range(2):
            part = slice(item, item + 1)
            alone = recall(matching, search[part], keys[part], values[part])
            assert torch.allclose(together[part], alone, atol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e15], ids=["black", "tiny", "huge"])
def test_extreme_features_stay_finite(matching: TemplateMatching, scale: float) -> None:
    keys, values = matching.remember(features(SIDE, 1))
    recalled = recall(matching, features(9, 2) * scale, keys, values)
    assert torch.isfinite(recalled).all()
    assert recalled[:, -1].abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_a_key_of_zeros_stays_zero_in_every_precision(dtype: torch.dtype) -> None:
    network = TemplateMatching(CHANNELS, SIDE).to(dtype)
    torch.nn.init.zeros_(network.key.weight)
    torch.nn.init.zeros_(network.key.bias)
    with torch.no_grad():
        keys, _ = network.remember(features(SIDE, 1).to(dtype))
    assert keys.dtype == dtype
    assert not keys.any()
