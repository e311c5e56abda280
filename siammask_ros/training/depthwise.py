"""Gradients of depthwise convolutions in half precision on a CPU: correct, and fast.

With PyTorch 2.13 and oneDNN, the bf16 weight gradient of a 5×5 depthwise convolution with
dilation 2 is wrong on 32×32 maps: the error exceeds the gradient. It also takes 50 times as long
as the forward pass. Both are right for 3×3 convolutions without dilation, so the gradient of a
larger convolution is composed of those.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_PART = 3


def depthwise_convolution(x: Tensor, weight: Tensor, padding: int = 0, dilation: int = 1) -> Tensor:
    """Convolve with stride 1 and one filter per channel, as ``conv2d`` does.

    ``x`` is (N, C, H, W), ``weight`` (C, 1, K, K) with K ≥ 3. H and W are multiples of
    ``dilation``, with and without padding; ``padding`` is at most ``dilation * (K - 1)``.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    if x.device.type != "cpu" or x.dtype not in (torch.bfloat16, torch.float16):
        return functional.conv2d(x, weight, None, 1, padding, dilation, len(weight))
    out: Tensor = _Depthwise.apply(x, weight, padding, dilation)  # type: ignore[no-untyped-call]
    return out


def needs_composed_gradient(conv: nn.Conv2d) -> bool:
    """Whether oneDNN has no correct and fast half-precision gradient for this layer."""
    return (
        conv.groups == conv.in_channels == conv.out_channels > 1
        and conv.stride == (1, 1)
        and (conv.kernel_size[0] > _PART or conv.dilation[0] > 1)
    )


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.dilation = padding, dilation
        return functional.conv2d(x, weight, None, 1, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        padding, dilation = ctx.padding, ctx.dilation
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        x_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            margin = dilation * (weight.shape[-1] - 1) - padding
            x_gradient = functional.conv2d(
                gradient, weight.flip(2, 3), None, 1, margin, dilation, len(weight)
            )
        if ctx.needs_input_grad[1]:
            padded = functional.pad(x, [padding] * 4)
            weight_gradient = _weight_gradient(
                _split_phases(padded, dilation), _split_phases(gradient, dilation), weight
            )
        return x_gradient, weight_gradient, None, None


def _split_phases(x: Tensor, dilation: int) -> Tensor:
    """Every ``dilation``-th pixel as one map: (N, C, H, W) to (N d², C, H/d, W/d)."""
    if dilation == 1:
        return x
    n, c, h, w = x.shape
    rows, columns = h // dilation, w // dilation
    phases = x.reshape(n, c, rows, dilation, columns, dilation).permute(0, 3, 5, 2, 4, 1)
    return phases.reshape(-1, rows, columns, c).movedim(3, 1)


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a filter, computed for one 3×3 part of it after another."""
    size = weight.shape[-1]
    height, width = (side + _PART - 1 for side in gradient.shape[2:])
    starts = sorted({*range(0, size - _PART, _PART), size - _PART})
    out = torch.empty_like(weight)
    for top in starts:
        for left in starts:
            window = x[:, :, top : top + height, left : left + width]
            part = out[:, :, top : top + _PART, left : left + _PART]
            part.copy_(_part_gradient(window, gradient, weight.new_empty(part.shape)))
    return out


def _part_gradient(x: Tensor, gradient: Tensor, part: Tensor) -> Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    ones, zeros = [1, 1], [0, 0]
    only_weight = [False, True, False]
    out: Tensor = torch.ops.aten.convolution_backward(
        gradient, x, part, None, ones, zeros, ones, False, zeros, len(part), only_weight
    )[1]
    return out
