"""Fused layers: the same numbers as without them, and few launches a frame."""

from __future__ import annotations

import pytest
import torch
from support.engine_inputs import NETWORKS, crops
from support.launches import launches_of
from support.random_network import lively_network
from torch import Tensor, nn

from siammask_ros.engines import fusion
from siammask_ros.engines.frame import FrameNetwork, asks_of
from siammask_ros.engines.fusion import ConvRelu, Pointwise, can_fuse, fuse
from siammask_ros.engines.parts import used
from siammask_ros.model.fold import folded
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import VARIANTS, Variant, variant_named

CPU = torch.device("cpu")
ALL = {**VARIANTS, **NETWORKS}


def answer(network: SiamMask) -> Tensor:
    variant = network.variant
    templates, searches = (
        torch.from_numpy(crops(2, side)) for side in (variant.template_size, variant.search_size)
    )
    with torch.inference_mode():
        kernels = used(network.template(templates.permute(0, 3, 1, 2).float()))
        asks = torch.from_numpy(asks_of(variant, 2, None))
        found: Tensor = FrameNetwork(network)(searches, asks, *kernels)
    return found


@pytest.mark.parametrize("has_rows", [False, True], ids=["plain", "channels_last"])
@pytest.mark.parametrize("variant", ALL.values(), ids=ALL)
def test_a_fused_network_computes_the_same(variant: Variant, has_rows: bool) -> None:
    network = folded(lively_network(variant))
    expected = answer(network)
    fuse(network, has_rows)
    layers = [type(module) for module in network.modules()]
    assert ConvRelu in layers
    assert (Pointwise in layers) == has_rows
    assert torch.allclose(answer(network), expected, atol=2e-3, rtol=1e-4)


# A launch costs a GPU some 2 µs. Without fusing these were 291 and 283.
@pytest.mark.parametrize(
    ("model", "items", "most"),
    [("resnet50", 1, 133), ("resnet50", 8, 138), ("lite", 1, 201), ("lite", 8, 223)],
)
def test_a_frame_needs_few_launches(model: str, items: int, most: int) -> None:
    launches = launches_of(variant_named(model), items)
    assert launches.names.total() <= most, launches.names.most_common()


@pytest.mark.parametrize("model", ["resnet50", "lite"])
def test_nothing_of_a_frame_is_in_double_precision(model: str) -> None:
    assert torch.float64 not in launches_of(variant_named(model)).dtypes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_operators_that_agree_are_taken(dtype: torch.dtype) -> None:
    # On a CPU the module uses PyTorch's own operators.
    assert can_fuse(CPU, dtype)


def test_operators_that_are_missing_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The operators of CUDA, which a CPU refuses.
    monkeypatch.setattr(fusion, "_has_cudnn", lambda x: True)
    assert not can_fuse(CPU, torch.float32)
    assert "convolutions are not fused on cpu: " in caplog.text


def test_operators_that_compute_something_else_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ConvRelu, "forward", lambda self, x, added=None: nn.ReLU()(self.conv(x)))
    assert not can_fuse(CPU, torch.float32)
    assert "they differ by" in caplog.text
