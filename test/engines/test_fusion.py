"""Fused layers: the same numbers as without them, and few launches a frame."""

from __future__ import annotations

import pytest
import torch
from support.engine_inputs import NETWORKS, crops
from support.launches import launches_of
from support.random_network import lively_network
from torch import Tensor, nn

from siammask_ros.engines import fused_layers
from siammask_ros.engines.frame import FrameNetwork, make_queries
from siammask_ros.engines.fused_layers import ConvRelu, Pointwise
from siammask_ros.engines.fusion import build_frame, can_fuse, fuse
from siammask_ros.model.variants import VARIANTS, Variant, get_variant

CPU = torch.device("cpu")
ALL = {**VARIANTS, **NETWORKS}


def answer(frame: FrameNetwork) -> Tensor:
    variant = frame.network.variant
    templates, searches = (
        torch.from_numpy(crops(2, side)) for side in (variant.template_size, variant.search_size)
    )
    with torch.inference_mode():
        queries = torch.from_numpy(make_queries(variant, 2, None))
        found: Tensor = frame(searches, queries, *frame.template(templates))
    return found


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("variant", ALL.values(), ids=ALL)
def test_a_fused_network_computes_the_same(variant: Variant, layout: torch.memory_format) -> None:
    frame = build_frame(lively_network(variant), CPU, torch.float32, layout)
    expected = answer(frame)
    fuse(frame)
    layers = [type(module) for module in frame.modules()]
    assert ConvRelu in layers
    assert (Pointwise in layers) == (layout == torch.channels_last)
    assert torch.allclose(answer(frame), expected, atol=2e-3, rtol=1e-4)


# A launch costs a GPU some 2 µs. Without fusing these were 291 and 283.
@pytest.mark.parametrize(
    ("model", "items", "most"),
    [("resnet50", 1, 105), ("resnet50", 8, 106), ("lite", 1, 139), ("lite", 8, 140)],
)
def test_a_frame_needs_few_launches(model: str, items: int, most: int) -> None:
    launches = launches_of(get_variant(model), items)
    assert launches.names.total() <= most, launches.names.most_common()


@pytest.mark.parametrize("model", ["resnet50", "lite"])
def test_nothing_of_a_frame_is_in_double_precision(model: str) -> None:
    assert torch.float64 not in launches_of(get_variant(model)).dtypes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_operators_that_agree_are_taken(dtype: torch.dtype) -> None:
    # On a CPU the module uses PyTorch's own operators.
    assert can_fuse(CPU, dtype)


def test_operators_that_are_missing_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The operators of CUDA, which a CPU refuses.
    monkeypatch.setattr(fused_layers, "has_cudnn", lambda x: True)
    assert not can_fuse(CPU, torch.float32)
    assert "convolutions are not fused on cpu: " in caplog.text


def test_operators_that_compute_something_else_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ConvRelu, "forward", lambda self, x, added=None: nn.ReLU()(self.conv(x)))
    assert not can_fuse(CPU, torch.float32)
    assert "they differ by" in caplog.text
