"""Layers that compute what the network's own do with fewer launches, for ``fusion`` to put in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from siammask_ros.model.efficientnet import InvertedResidual
from siammask_ros.model.lite_refine import ContextBlock
from siammask_ros.model.matching import TemplateMatching
from siammask_ros.model.resnet import Bottleneck

_RELU6 = 6.0
# Keeps a key of zeros from 0/0.
_EPS = 1e-12
# Matrix products want widths that are multiples of it.
_ALIGNMENT = 8


class ConvRelu(nn.Module):
    """A convolution, to which another map may be added, and ReLU: one kernel of cuDNN.

    With ``most`` larger values become that, which takes another kernel.
    """

    def __init__(self, conv: nn.Conv2d, most: float | None = None) -> None:
        super().__init__()
        self.conv = conv
        self.most = most

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """relu(conv(x) + added)."""
        out = self._convolve(x, added)
        return out if self.most is None else out.clamp_max_(self.most)

    def _convolve(self, x: Tensor, added: Tensor | None) -> Tensor:
        conv = self.conv
        if not has_cudnn(x):
            out: Tensor = conv(x)
            return functional.relu_(out if added is None else out + added)
        shape = (conv.stride, conv.padding, conv.dilation, conv.groups)
        aten: Any = torch.ops.aten
        fused: Tensor = (
            aten.cudnn_convolution_relu(x, conv.weight, conv.bias, *shape)
            if added is None
            else aten.cudnn_convolution_add_relu(x, conv.weight, added, 1.0, conv.bias, *shape)
        )
        return fused


class Pointwise(nn.Module):
    """A 1×1 convolution as a product of matrices, which adds its bias, and may end in ReLU.

    In channels_last the pixels are the rows of a matrix as they lie. ``most`` as in ``ConvRelu``.
    """

    def __init__(self, conv: nn.Conv2d, has_relu: bool = False, most: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.flatten(1), requires_grad=False)
        self.bias = conv.bias
        self.has_relu = has_relu
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, H, W), both in channels_last."""
        rows = x.permute(0, 2, 3, 1)
        flat = rows.reshape(-1, rows.shape[-1])
        if self.has_relu and self.bias is not None:
            out = torch._addmm_activation(self.bias, flat, self.weight.t())
        else:
            out = functional.linear(flat, self.weight, self.bias)
            out = functional.relu_(out) if self.has_relu else out
        if self.most is not None:
            out = out.clamp_max_(self.most)
        maps: Tensor = out.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)
        return maps

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """Adds the product, without a bias, to maps in channels_last, and returns them."""
        rows = x.permute(0, 2, 3, 1)
        flat = total.permute(0, 2, 3, 1).view(-1, total.shape[1])
        flat.addmm_(rows.reshape(-1, rows.shape[-1]), self.weight.t())
        return total

    def shift_input(self, shift: Tensor) -> None:
        """Makes up for inputs (C,) that are smaller by this."""
        assert self.bias is not None
        more = self.weight.double() @ shift.double()
        self.bias = nn.Parameter((self.bias.double() + more).to(shift.dtype), False)


class FusedBottleneck(nn.Module):
    """A folded ``Bottleneck`` whose sum and ReLU belong to its convolutions."""

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvRelu(block.conv1), ConvRelu(block.conv2)
        self.conv3 = ConvRelu(block.conv3)
        self.downsample = block.downsample
        if self.downsample is not None:
            _move_bias(self.downsample[0], block.conv3)

    def forward(self, x: Tensor) -> Tensor:
        """See ``Bottleneck.forward``."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.conv3(self.conv2(self.conv1(x)), shortcut)
        return out


class DepthwiseRelu6(nn.Module):
    """A depthwise convolution and ReLU6, smaller by its bias, which the next layer makes up for.

    relu6(y + b) is clamp(y, −b, 6 − b) + b, and one launch less.
    """

    low: Tensor
    high: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        bias = take_bias(conv)[None, :, None, None]
        self.conv = conv
        self.register_buffer("low", -bias)
        self.register_buffer("high", _RELU6 - bias)

    def forward(self, x: Tensor) -> Tensor:
        """clamp(conv(x), −b, 6 − b)."""
        out: Tensor = self.conv(x)
        return out.clamp_(self.low, self.high)


class FusedInvertedResidual(nn.Module):
    """A folded ``InvertedResidual``. One with a shortcut adds to its input in place.

    Its projection then has no bias: ``move_bias`` gives it to the block before.
    """

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        *expand, depthwise, project = _convolutions(block.layers)
        self.expand = Pointwise(expand[0], True, _RELU6) if expand else None
        self.project = Pointwise(project)
        self.project.shift_input(_get_bias(depthwise))
        self.depthwise = DepthwiseRelu6(depthwise)
        self.has_shortcut = block.has_shortcut

    def move_bias(self, before: FusedInvertedResidual) -> None:
        """Lets the block before this one add what the projection would have added."""
        assert self.has_shortcut and self.expand is not None
        bias, its_bias = self.project.bias, before.project.bias
        assert bias is not None and its_bias is not None
        before.project.bias = nn.Parameter(its_bias + bias, requires_grad=False)
        self.expand.shift_input(-bias)
        self.project.bias = None

    def forward(self, x: Tensor) -> Tensor:
        """See ``InvertedResidual.forward``; the input is gone where there is a shortcut."""
        out = self.depthwise(x if self.expand is None else self.expand(x))
        return self.project.add_to(x, out) if self.has_shortcut else self.project(out)


class FusedContextBlock(nn.Module):
    """A folded ``ContextBlock`` that adds to its input in place.

    One more value between the pointwise layers is always 1, and brings the last one's bias.
    """

    def __init__(self, block: ContextBlock) -> None:
        super().__init__()
        depthwise, expand, project = _convolutions(block.layers)
        self.expand = Pointwise(expand, has_relu=True)
        self.expand.shift_input(take_bias(depthwise))
        self.depthwise = depthwise
        bias = take_bias(project)
        self.project = Pointwise(project)
        weight, ones = self.expand.weight, bias.new_zeros(_ALIGNMENT)
        ones[0] = 1
        assert self.expand.bias is not None
        self.expand.weight = _constant(torch.cat([weight, weight.new_zeros(len(ones), len(bias))]))
        self.expand.bias = _constant(torch.cat([self.expand.bias, ones]))
        self.project.weight = _constant(
            torch.cat([self.project.weight, bias[:, None] * ones], dim=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """See ``ContextBlock.forward``; the input is gone."""
        return self.project.add_to(x, self.expand(self.depthwise(x)))


class FusedMatching(nn.Module):
    """``TemplateMatching`` with its scale in the keys, and with it in the cosines it gives."""

    def __init__(self, matching: TemplateMatching) -> None:
        super().__init__()
        self.matching = matching
        self.key = Pointwise(matching.key)
        self.scale = float(matching.sharpness)

    def remember(self, template: Tensor) -> tuple[Tensor, Tensor]:
        """See ``TemplateMatching.remember``; what ``forward`` leaves out is in the keys."""
        keys, values = self.matching.remember(template)
        return keys * self.scale, values

    def forward(self, search: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See ``TemplateMatching.forward``; the cosines are ``scale`` times as large."""
        side = search.shape[-1]
        rows = self.key(search).permute(0, 2, 3, 1).flatten(1, 2)
        asked = functional.normalize(rows, dim=2, eps=max(_EPS, torch.finfo(rows.dtype).tiny))
        cosines = keys.flatten(2).transpose(1, 2) @ asked.transpose(1, 2)
        recalled = values.flatten(2) @ torch.softmax(cosines, dim=1)
        shape = (len(search), -1, side, side)
        return recalled.reshape(shape), cosines.amax(dim=1).reshape(shape)


class FloatConv(nn.Module):
    """A convolution whose bias is added in single precision, so that its result is in it."""

    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.register_buffer("bias", take_bias(conv).float()[:, None, None])
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """Convolution and bias."""
        out: Tensor = self.conv(x) + self.bias
        return out


def take_bias(conv: nn.Conv2d) -> Tensor:
    """A convolution's bias, which it has no more."""
    bias = _get_bias(conv)
    conv.bias = None
    return bias


def has_cudnn(x: Tensor) -> bool:
    """Whether there are cuDNN's operators for this tensor."""
    return x.device.type == "cuda" and torch.version.hip is None


def _get_bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()


def _move_bias(giver: nn.Module, taker: nn.Conv2d) -> None:
    """Gives a layer's bias to another whose output is added to its own."""
    assert isinstance(giver, (nn.Conv2d, Pointwise)) and taker.bias is not None
    if giver.bias is not None:
        taker.bias.add_(giver.bias)
        giver.bias = None


def _convolutions(layers: nn.Sequential) -> list[nn.Conv2d]:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)]


def _constant(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)
