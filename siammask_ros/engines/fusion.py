"""Fewer launches a frame on a GPU: bias, sum and ReLU are computed with their convolution.

A launch costs a GPU some 2 µs, and a small convolution takes no longer. On other devices the same
modules compute the same with PyTorch's usual operators.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from siammask_ros.engines.on_device import exact_arithmetic
from siammask_ros.model.resnet import Bottleneck, ResNet50
from siammask_ros.model.siammask import SiamMask

_LOG = logging.getLogger(__name__)

# What a fused operator may differ from the usual one in the probe, whose values reach 4.
_MOST_DIFFERENT = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}


class ConvRelu(nn.Module):
    """A convolution, to which another map may be added, and ReLU: one kernel of cuDNN."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """relu(conv(x) + added)."""
        conv = self.conv
        if not _has_cudnn(x):
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

    In channels_last the pixels are the rows of a matrix as they lie.
    """

    def __init__(self, conv: nn.Conv2d, has_relu: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.flatten(1), requires_grad=False)
        self.bias = conv.bias
        self.has_relu = has_relu

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, H, W), both in channels_last."""
        rows = x.permute(0, 2, 3, 1)
        flat = rows.reshape(-1, rows.shape[-1])
        if self.has_relu and self.bias is not None:
            out = torch._addmm_activation(self.bias, flat, self.weight.t())
        else:
            out = functional.linear(flat, self.weight, self.bias)
            out = functional.relu_(out) if self.has_relu else out
        maps: Tensor = out.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)
        return maps


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


def fuse(network: SiamMask, has_rows: bool) -> None:
    """Replaces layers of a folded network by those that need fewer launches.

    ``has_rows``: activations are in channels_last, so that 1×1 convolutions can be products.
    """
    if isinstance(network.features, ResNet50):
        trunk = network.features.features
        trunk.conv1, trunk.relu = ConvRelu(trunk.conv1), nn.Identity()  # type: ignore[assignment]
    for name, child in list(network.named_children()):
        setattr(network, name, _fused(child, has_rows))


def can_fuse(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether cuDNN's fused operators work here, and compute what the usual ones do."""
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False)
    x, added = torch.randn(2, 1, 8, 16, 16, generator=generator).to(device, dtype)
    fused = ConvRelu(conv.to(device, dtype))
    try:
        with torch.inference_mode(), exact_arithmetic():
            pairs = [
                (fused(x), functional.relu(conv(x))),
                (fused(x, added), functional.relu(conv(x) + added)),
            ]
            differences = [float((mine - usual).abs().max()) for mine, usual in pairs]
    except RuntimeError as error:
        _LOG.warning("convolutions are not fused on %s: %s", device, error)
        return False
    if max(differences) <= _MOST_DIFFERENT[dtype]:
        return True
    _LOG.warning("convolutions are not fused on %s: they differ by %s", device, differences)
    return False


def _fused(module: nn.Module, has_rows: bool) -> nn.Module:
    """The module, or what replaces it; the layers in it are replaced first."""
    for name, child in list(module.named_children()):
        setattr(module, name, _fused(child, has_rows))
    if isinstance(module, Bottleneck):
        return FusedBottleneck(module)
    if isinstance(module, nn.Sequential):
        return _fused_sequence(module, has_rows)
    return module


def _fused_sequence(layers: nn.Sequential, has_rows: bool) -> nn.Sequential:
    """The same layers, each convolution with the ReLU that follows it."""
    present = [layer for layer in layers if not isinstance(layer, nn.Identity)]
    fused: list[nn.Module] = []
    for layer, following in pairwise([*present, nn.Identity()]):
        if isinstance(layer, nn.ReLU) and fused and _ends_in_relu(fused[-1]):
            continue
        fused.append(_fused_layer(layer, isinstance(following, nn.ReLU), has_rows))
    return nn.Sequential(*fused)


def _fused_layer(layer: nn.Module, has_relu: bool, has_rows: bool) -> nn.Module:
    if not isinstance(layer, nn.Conv2d):
        return layer
    if has_rows and layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.groups == 1:
        return Pointwise(layer, has_relu)
    return ConvRelu(layer) if has_relu and layer.groups == 1 else layer


def _move_bias(giver: nn.Module, taker: nn.Conv2d) -> None:
    """Gives a layer's bias to another whose output is added to its own."""
    assert isinstance(giver, (nn.Conv2d, Pointwise)) and taker.bias is not None
    if giver.bias is not None:
        taker.bias.add_(giver.bias)
        giver.bias = None


def _ends_in_relu(layer: nn.Module) -> bool:
    return isinstance(layer, ConvRelu) or (isinstance(layer, Pointwise) and layer.has_relu)


def _has_cudnn(x: Tensor) -> bool:
    return x.device.type == "cuda" and torch.version.hip is None
