"""Depthwise gradients in half precision against float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from siammask_ros.training.depthwise import depthwise_convolution, needs_composed_gradient

SHAPES = {
    "lite's last stage, search": (4, 64, 32, 5, 4, 2),
    "lite's last stage, template": (4, 64, 16, 5, 4, 2),
    "5x5": (3, 32, 16, 5, 2, 1),
    "6x6 without padding": (1, 32, 30, 6, 0, 1),
    "3x3 with dilation": (2, 32, 16, 3, 2, 2),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_equal_those_of_float64_within_bf16_rounding(shape):
    count, channels, side, size, padding, dilation = shape
    torch.manual_seed(0)
    x = torch.randn(count, channels, side, side).bfloat16()
    x = x.to(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, size, size).bfloat16()

    def gradients(convolve, dtype):
        inputs = [part.detach().to(dtype).requires_grad_() for part in (x, weight)]
        out = convolve(*inputs)
        pulled = torch.linspace(-1, 1, out.numel()).view(out.shape).bfloat16().to(dtype)
        return [part.double() for part in torch.autograd.grad(out, inputs, pulled)]

    def plain(x, weight):
        return functional.conv2d(x, weight, None, 1, padding, dilation, channels)

    def composed(x, weight):
        return depthwise_convolution(x, weight, padding, dilation)

    expected = gradients(plain, torch.float64)
    actual = gradients(composed, torch.bfloat16)
    for name, a, b in zip(("x", "weight"), actual, expected, strict=True):
        error = float((a - b).norm() / b.norm())
        assert error < 0.01, f"gradient of {name} is off by {error:.1%}"


@pytest.mark.parametrize(
    ("layer", "is_needed"),
    [
        (nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8), True),
        (nn.Conv2d(8, 8, 5, padding=2, groups=8), True),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), False),
        (nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8), False),
        (nn.Conv2d(8, 8, 5, padding=2), False),
    ],
    ids=["5x5 dilated", "5x5", "3x3", "stride 2", "not depthwise"],
)
def test_which_layers_need_a_composed_gradient(layer, is_needed):
    assert needs_composed_gradient(layer) is is_needed
