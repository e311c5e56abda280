"""EfficientNet-Lite0 up to its fifth group, at stride 8: the backbone of ``lite``.

The fifth group's stride 2 is replaced by 1 with dilation 2 after it, padding is symmetric, so a
cell i of a map of stride s looks at pixel s·i.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from siammask_ros.model.resnet import Pyramid


@dataclass(frozen=True, slots=True)
class _BlockShape:
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    expansion: int = 6
    dilation: int = 1


# Finest first; a group ends where its map is used.
_STEM_CHANNELS = 32
_GROUPS: tuple[tuple[_BlockShape, ...], ...] = (
    (_BlockShape(32, 16, 3, expansion=1),),
    (_BlockShape(16, 24, 3, stride=2), _BlockShape(24, 24, 3)),
    (_BlockShape(24, 40, 5, stride=2), _BlockShape(40, 40, 5)),
    (_BlockShape(40, 80, 3), _BlockShape(80, 80, 3), _BlockShape(80, 80, 3)),
    (
        _BlockShape(80, 112, 5, dilation=2),
        _BlockShape(112, 112, 5, dilation=2),
        _BlockShape(112, 112, 5, dilation=2),
    ),
)
_FEATURE_CHANNELS = 128
_CUT_BELOW = 20
_CUT = 4
_BN_EPS = 1e-3


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_BN_EPS, momentum=0.01)


class InvertedResidual(nn.Module):
    """1×1 expansion, depthwise convolution, 1×1 projection; a shortcut where shapes agree."""

    def __init__(self, shape: _BlockShape) -> None:
        super().__init__()
        width = shape.inputs * shape.expansion
        padding = shape.dilation * (shape.kernel - 1) // 2
        layers: list[nn.Module] = []
        if shape.expansion > 1:
            layers += [nn.Conv2d(shape.inputs, width, 1, bias=False), _norm(width), nn.ReLU6(True)]
        layers += [
            nn.Conv2d(
                width,
                width,
                shape.kernel,
                shape.stride,
                padding,
                shape.dilation,
                groups=width,
                bias=False,
            ),
            _norm(width),
            nn.ReLU6(True),
            nn.Conv2d(width, shape.outputs, 1, bias=False),
            _norm(shape.outputs),
        ]
        self.layers = nn.Sequential(*layers)
        self.has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, inputs, H, W) to (N, outputs, H/stride, W/stride)."""
        out: Tensor = self.layers(x)
        return x + out if self.has_shortcut else out


class Normalize(nn.Module):
    """Pixels from 0–255 to about ±1."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 127.0), persistent=False)
        self.register_buffer("scale", torch.full((1, 3, 1, 1), 1 / 128.0), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """The same shape again."""
        normalized: Tensor = (crops - self.mean) * self.scale
        return normalized


class EfficientNetLite0(nn.Module):
    """A small ImageNet backbone with three levels for the refinement."""

    pyramid_channels = (16, 24, 40 + 112)
    window_sizes = (64, 32, 16)
    # Side of the coarsest level of a template.
    template_side = 16

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.stem = nn.Sequential(
            nn.Conv2d(3, _STEM_CHANNELS, 3, 2, 1, bias=False), _norm(_STEM_CHANNELS), nn.ReLU6(True)
        )
        self.groups = nn.ModuleList(
            nn.Sequential(*(InvertedResidual(shape) for shape in group)) for group in _GROUPS
        )
        deepest = _GROUPS[-1][-1].outputs
        self.narrow = nn.Sequential(
            nn.Conv2d(deepest, _FEATURE_CHANNELS, 1, bias=False), nn.BatchNorm2d(_FEATURE_CHANNELS)
        )

    def forward(self, crops: Tensor) -> tuple[Tensor, Pyramid]:
        """What the heads correlate, and the pyramid for the refinement.

        ``crops`` is (N, 3, S, S) float, BGR, 0–255. For S = 255: features (N, 128, 32, 32),
        pyramid sides 128, 64, 32. For S = 127: features (N, 128, 8, 8), the map's middle.
        The coarsest level joins the detail of the third group with the meaning of the fifth.
        """
        p0 = self.groups[0](self.stem(self.normalize(crops)))
        p1 = self.groups[1](p0)
        detail = self.groups[2](p1)
        deep = self.groups[4](self.groups[3](detail))
        features: Tensor = self.narrow(deep)
        if features.shape[-1] < _CUT_BELOW:
            features = features[..., _CUT:-_CUT, _CUT:-_CUT]
        return features, (p0, p1, torch.cat([detail, deep], dim=1))


def backbone_stages(backbone: EfficientNetLite0) -> list[list[nn.Module]]:
    """Groups of layers from the input upwards, for freezing and unfreezing in training."""
    return [[backbone.stem], *([group] for group in backbone.groups), [backbone.narrow]]
