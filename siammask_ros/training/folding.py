"""A backbone for training whose frozen norms cost nothing: they are part of the convolutions.

The backbone's norms keep their ImageNet statistics in training, so each is a constant scale and
shift per channel. As layers of their own they took 29 % of a bf16 step on a CPU.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siammask_ros.training.depthwise import depthwise_convolution, needs_composed_gradient


class FoldedConvolution(nn.Module):
    """A convolution and its norm in evaluation mode, computed as one convolution.

    Both modules keep their parameters and names: the product is formed again in every call, and
    gradients reach the weights of both.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor) -> Tensor:
        """What ``norm(conv(x))`` gives with the norm's running statistics."""
        conv, norm = self.conv, self.norm
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        if conv.bias is not None:
            shift = shift + conv.bias * scale
        weight = conv.weight * scale[:, None, None, None]
        if needs_composed_gradient(conv):
            padding, dilation = int(conv.padding[0]), conv.dilation[0]
            out = depthwise_convolution(x, weight, padding, dilation)
            return out + shift.to(out.dtype)[:, None, None]
        # The bound method keeps stride, padding, dilation and groups.
        convolved: Tensor = conv._conv_forward(x, weight, shift)
        return convolved


def fold_norms(module: nn.Module, frozen_dtype: torch.dtype | None = None) -> nn.Module:
    """A view of a module that shares its parameters, with norms folded into their convolutions.

    Norms in training mode, which use the statistics of the batch, stay as they are.

    Where nothing of a pair trains, the product is formed once, as a copy in ``frozen_dtype``: call
    this again after weights were loaded, or after a part was frozen or unfrozen.
    """
    children = list(module.named_children())
    if not children:
        return module
    view = copy.copy(module)
    view._modules = dict(module._modules)
    for name, child in children:
        view._modules[name] = fold_norms(child, frozen_dtype)
    for (conv_name, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and not norm.training:
            view._modules[conv_name] = _fold(conv, norm, frozen_dtype)
            view._modules[norm_name] = nn.Identity()
    return view


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype | None) -> nn.Module:
    trains = any(p.requires_grad for part in (conv, norm) for p in part.parameters())
    if trains:
        return FoldedConvolution(conv, norm)
    with torch.no_grad():
        fused = fuse_conv_bn_eval(copy.deepcopy(conv).eval(), copy.deepcopy(norm).eval())
    return fused.requires_grad_(False).to(dtype or conv.weight.dtype)
