"""Fewer launches a frame on a GPU: bias, sum and ReLU are computed with their convolution.

A launch costs a GPU some 2 µs, and a small convolution takes no longer. On other devices the same
modules compute the same with PyTorch's usual operators.
"""

from __future__ import annotations

import logging
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from siammask_ros.engines.frame import FrameNetwork
from siammask_ros.engines.fused_layers import (
    ConvRelu,
    FloatConv,
    FusedBottleneck,
    FusedContextBlock,
    FusedInvertedResidual,
    FusedMatching,
    Pointwise,
)
from siammask_ros.engines.on_device import exact_arithmetic
from siammask_ros.model.efficientnet import EfficientNetLite0
from siammask_ros.model.fold import fold_norms
from siammask_ros.model.lite_refine import ContextBlock, LiteRefinement
from siammask_ros.model.refine import Refinement
from siammask_ros.model.resnet import Bottleneck, ResNet50
from siammask_ros.model.siammask import SiamMask

_LOG = logging.getLogger(__name__)

# What a fused operator may differ from the usual one in the probe, whose values reach 4.
_MOST_DIFFERENT = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}


def build_frame(
    network: SiamMask,
    device: torch.device,
    dtype: torch.dtype,
    memory_format: torch.memory_format | None = None,
    is_fused: bool = True,
) -> FrameNetwork:
    """The frame of a network as the compiled engine runs it, on a GPU with fused layers.

    By default activations lie as is quickest there.
    """
    layout = memory_format or choose_memory_format(device, dtype)
    copy = fold_norms(network).to(device, dtype)
    copy.to(memory_format=layout)  # type: ignore[call-overload]
    # Only the frame's own buffers move: they keep their precision.
    frame = FrameNetwork(copy, layout).to(device)
    if is_fused and device.type == "cuda" and can_fuse(device, dtype):
        fuse(frame)
    return frame


def choose_memory_format(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """How activations lie in memory: on a GPU single precision is slower in channels_last."""
    is_single_on_gpu = device.type == "cuda" and dtype == torch.float32
    return torch.contiguous_format if is_single_on_gpu else torch.channels_last


@torch.no_grad()
def fuse(frame: FrameNetwork) -> None:
    """Replaces layers of a frame's network by those that need fewer launches.

    In channels_last a 1×1 convolution becomes a matrix product.
    """
    network, has_rows = frame.network, frame.memory_format == torch.channels_last
    if isinstance(network.features, ResNet50):
        trunk = network.features.features
        trunk.conv1, trunk.relu = ConvRelu(trunk.conv1), nn.Identity()  # type: ignore[assignment]
    if has_rows and isinstance(network.features, EfficientNetLite0):
        _fuse_efficientnet(frame, network.features)
    if has_rows and network.variant.has_matching:
        _fuse_matching(network)
    for name, child in list(network.named_children()):
        setattr(network, name, _fuse_module(child, has_rows))
    frame.heads = _fuse_module(frame.heads, has_rows)  # type: ignore[assignment]


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


def _fuse_efficientnet(frame: FrameNetwork, features: EfficientNetLite0) -> None:
    normalize, stem = features.normalize, features.stem[0]
    assert isinstance(stem, nn.Conv2d)
    # A power of two: nothing is lost. The mean cannot be folded, for borders are padded after it.
    stem.weight.mul_(normalize.scale)
    frame.register_buffer("center", normalize.mean)
    features.normalize = nn.Identity()  # type: ignore[assignment]
    for number, group in enumerate(features.groups):
        assert isinstance(group, nn.Sequential)
        blocks = [FusedInvertedResidual(block) for block in group]  # type: ignore[arg-type]
        for before, block in reversed([*pairwise(blocks)]):
            if block.has_shortcut:
                block.move_bias(before)
        features.groups[number] = nn.Sequential(*blocks)


def _fuse_matching(network: SiamMask) -> None:
    fused = FusedMatching(network.matching)
    refinement = network.refine_model
    assert isinstance(refinement, LiteRefinement)
    join = refinement.join[0]
    assert isinstance(join, nn.Conv2d)
    # The cosine is the last of its inputs.
    join.weight[:, -1].div_(fused.scale)
    network.matching = fused  # type: ignore[assignment]


def _fuse_module(module: nn.Module, has_rows: bool) -> nn.Module:
    """The module, or what replaces it; the layers in it are replaced first."""
    if has_rows and isinstance(module, ContextBlock):
        return FusedContextBlock(module)
    if isinstance(module, LiteRefinement):
        module.last = FloatConv(module.last)  # type: ignore[assignment]
    if isinstance(module, Refinement):
        module.post2 = FloatConv(module.post2)  # type: ignore[assignment]
    for name, child in list(module.named_children()):
        setattr(module, name, _fuse_module(child, has_rows))
    if isinstance(module, Bottleneck):
        return FusedBottleneck(module)
    if isinstance(module, nn.Sequential):
        return _fuse_sequence(module, has_rows)
    return module


def _fuse_sequence(layers: nn.Sequential, has_rows: bool) -> nn.Sequential:
    """The same layers, each convolution with the ReLU or ReLU6 that follows it."""
    present = [layer for layer in layers if not isinstance(layer, nn.Identity)]
    fused: list[nn.Module] = []
    for layer, following in pairwise([*present, nn.Identity()]):
        if isinstance(layer, (nn.ReLU, nn.ReLU6)) and fused and _ends_in_relu(fused[-1]):
            continue
        fused.append(_fuse_layer(layer, following, has_rows))
    return nn.Sequential(*fused)


def _fuse_layer(layer: nn.Module, following: nn.Module, has_rows: bool) -> nn.Module:
    if not isinstance(layer, nn.Conv2d):
        return layer
    has_relu = isinstance(following, (nn.ReLU, nn.ReLU6))
    most = 6.0 if isinstance(following, nn.ReLU6) else None
    if has_rows and layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.groups == 1:
        return Pointwise(layer, has_relu, most)
    return ConvRelu(layer, most) if has_relu and layer.groups == 1 else layer


def _ends_in_relu(layer: nn.Module) -> bool:
    return isinstance(layer, ConvRelu) or (isinstance(layer, Pointwise) and layer.has_relu)
