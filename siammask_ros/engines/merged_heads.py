"""The score, box and mask heads computed together: one convolution where there were three.

The first convolutions see the same features, so they are one with more outputs; the correlations
are depthwise, so they are one with more channels; the 1×1 convolutions after them become
block-diagonal ones, which costs less than a hundredth of the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from siammask_ros.model.choice import map_channels
from siammask_ros.model.heads import CorrelationHead, depthwise_correlation


class MergedHeads(nn.Module):
    """The heads of a folded network, in the order of ``SiamMask.heads``."""

    def __init__(self, heads: Sequence[CorrelationHead], anchors: int) -> None:
        super().__init__()
        assert all(isinstance(head.conv_search[1], nn.Identity) for head in heads), "fold first"
        self.conv_kernel = _merge_outputs([_get_conv(head.conv_kernel) for head in heads])
        self.conv_search = _merge_outputs([_get_conv(head.conv_search) for head in heads])
        hidden, last = ([_get_conv(head.head, at) for head in heads[:2]] for at in (0, -1))
        self.maps = nn.Sequential(
            _merge_blocks(hidden),
            nn.ReLU(inplace=True),
            _add_ones(_merge_blocks(last), map_channels(anchors)),
        )
        self.channels: int = hidden[0].in_channels

    def kernel(self, template_features: Tensor) -> Tensor:
        """The heads' correlation kernels, one after the other: (N, heads·C, h, w)."""
        kernel: Tensor = self.conv_kernel(template_features)
        return kernel

    def forward(self, search_features: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, ``map_channels``, S, S), and the mask head's correlation (N, C or 0, S, S)."""
        correlation = depthwise_correlation(self.conv_search(search_features), kernel)
        inputs = 2 * self.channels
        return self.maps(correlation[:, :inputs]), correlation[:, inputs:]


def _merge_outputs(convolutions: Sequence[nn.Conv2d]) -> nn.Sequential:
    """Convolutions with the same input as one, and ReLU."""
    merged = _new_convolution(
        torch.cat([conv.weight for conv in convolutions]), convolutions[0].kernel_size
    )
    merged.bias = nn.Parameter(torch.cat([_get_bias(conv) for conv in convolutions]), False)
    return nn.Sequential(merged, nn.ReLU(inplace=True))


def _merge_blocks(convolutions: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """1×1 convolutions with an input each as one that sees them all."""
    weights = [conv.weight.flatten(1) for conv in convolutions]
    blocks: Tensor = torch.block_diag(*weights)  # type: ignore[no-untyped-call]
    merged = _new_convolution(blocks[:, :, None, None], (1, 1))
    merged.bias = nn.Parameter(torch.cat([_get_bias(conv) for conv in convolutions]), False)
    return merged


def _add_ones(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The convolution with more outputs: a map of ones, and zeros up to ``channels``."""
    more = channels - conv.out_channels
    widened = _new_convolution(
        torch.cat([conv.weight, conv.weight.new_zeros(more, *conv.weight.shape[1:])]), (1, 1)
    )
    bias = torch.cat([_get_bias(conv), conv.weight.new_zeros(more)])
    bias[conv.out_channels] = 1
    widened.bias = nn.Parameter(bias, False)
    return widened


def _new_convolution(weight: Tensor, kernel_size: tuple[int, ...]) -> nn.Conv2d:
    outputs, inputs = weight.shape[:2]
    with torch.device("meta"):
        conv = nn.Conv2d(inputs, outputs, kernel_size[0])
    conv.weight = nn.Parameter(weight, requires_grad=False)
    return conv


def _get_conv(layers: nn.Module, number: int = 0) -> nn.Conv2d:
    assert isinstance(layers, nn.Sequential)
    conv = layers[number]
    assert isinstance(conv, nn.Conv2d)
    return conv


def _get_bias(conv: nn.Conv2d) -> Tensor:
    return conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias
