"""ResNet-50 without its last stage, changed for tracking (paper, section 3.3).

Stride 8 throughout, no padding at the two stride-2 convolutions, so that a shift of the input is
a shift of the features. Parameter names are those of the authors' files.
"""

from __future__ import annotations

from torch import Tensor, nn

# Features, coarsest last: after conv1, layer1 and layer2 (what the refinement sees), and the
# narrowed layer3 (what the heads correlate).
Pyramid = tuple[Tensor, Tensor, Tensor]

# Side of a template's coarsest level, and what it loses at each border. The authors cut whatever is
# narrower than 20: of the crops that they have, the template. The search crop in a crowd has 19.
_TEMPLATE_SIDE = 15
_CUT = 4


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 with a shortcut; four times as wide at its end."""

    def __init__(
        self, inputs: int, width: int, stride: int, dilation: int, shortcut: nn.Sequential | None
    ) -> None:
        super().__init__()
        outputs = 4 * width
        padding = dilation if dilation > 1 else 2 - stride
        self.conv1 = _conv(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3, stride, padding, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, inputs, H, W) to (N, 4·width, H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        result: Tensor = self.relu(out + shortcut)
        return result


def _layer1() -> nn.Sequential:
    shortcut = nn.Sequential(_conv(64, 256, 1), nn.BatchNorm2d(256))
    first = Bottleneck(64, 64, 1, 1, shortcut)
    return nn.Sequential(first, *(Bottleneck(256, 64, 1, 1, None) for _ in range(2)))


def _layer2() -> nn.Sequential:
    shortcut = nn.Sequential(_conv(256, 512, 3, stride=2), nn.BatchNorm2d(512))
    first = Bottleneck(256, 128, 2, 1, shortcut)
    return nn.Sequential(first, *(Bottleneck(512, 128, 1, 1, None) for _ in range(3)))


def _layer3() -> nn.Sequential:
    shortcut = nn.Sequential(_conv(512, 1024, 3, padding=1), nn.BatchNorm2d(1024))
    first = Bottleneck(512, 256, 1, 1, shortcut)
    return nn.Sequential(first, *(Bottleneck(1024, 256, 1, 2, None) for _ in range(5)))


class _Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(3, 64, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _layer1()
        self.layer2 = _layer2()
        self.layer3 = _layer3()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        p0 = self.relu(self.bn1(self.conv1(x)))
        p1 = self.layer1(self.maxpool(p0))
        p2 = self.layer2(p1)
        return p0, p1, p2, self.layer3(p2)


class _Narrow(nn.Module):
    """1024 to 256 channels; a template's map also loses its border."""

    def __init__(self) -> None:
        super().__init__()
        self.downsample = nn.Sequential(_conv(1024, 256, 1), nn.BatchNorm2d(256))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x)
        if out.shape[-1] <= _TEMPLATE_SIDE:
            out = out[..., _CUT:-_CUT, _CUT:-_CUT]
        return out


class ResNet50(nn.Module):
    """The paper's backbone."""

    pyramid_channels = (64, 256, 512)
    # Side of the windows that the refinement cuts from each level, finest first.
    window_sizes = (61, 31, 15)
    # Side of the coarsest level of a template.
    template_side = _TEMPLATE_SIDE

    def __init__(self) -> None:
        super().__init__()
        self.features = _Trunk()
        self.downsample = _Narrow()

    def forward(self, crops: Tensor) -> tuple[Tensor, Pyramid]:
        """What the heads correlate, and the pyramid for the refinement.

        ``crops`` is (N, 3, S, S) float, BGR, 0–255, without mean or scale. For S = 255: features
        (N, 256, 31, 31), pyramid sides 125, 63, 31. For S = 127: features (N, 256, 7, 7).
        """
        p0, p1, p2, p3 = self.features(crops)
        return self.downsample(p3), (p0, p1, p2)


def backbone_stages(backbone: ResNet50) -> list[list[nn.Module]]:
    """Groups of layers from the input upwards, for freezing and unfreezing in training."""
    trunk = backbone.features
    return [
        [trunk.conv1, trunk.bn1],
        [trunk.layer1],
        [trunk.layer2],
        [trunk.layer3],
        [backbone.downsample],
    ]
