"""A network for inference only: its norms are part of its convolutions."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siammask_ros.model.siammask import SiamMask


def fold_norms(network: SiamMask) -> SiamMask:
    """A copy of a network that computes the same with fewer layers, in channels_last.

    Every BatchNorm becomes part of the convolution before it. The copy is for evaluation; its
    parameter names are no longer those of the authors' files.
    """
    copy = deepcopy(network).eval()
    for module in list(copy.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, _fuse(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return copy.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _fuse(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Module:
    dtype = conv.weight.dtype
    # In double, so that the product is rounded once.
    return fuse_conv_bn_eval(conv.double(), norm.double()).to(dtype)
