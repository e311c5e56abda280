"""The depthwise correlation head: template against search (paper, section 3.1)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def depthwise_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Channel by channel cross-correlation of each item with its own kernel.

    (N, C, H, W) with (N, C, h, w) gives (N, C, H−h+1, W−w+1).
    """
    items, channels, height, width = search.shape
    groups = items * channels
    out = functional.conv2d(
        search.reshape(1, groups, height, width),
        kernel.reshape(groups, 1, *kernel.shape[2:]),
        groups=groups,
    )
    return out.reshape(items, channels, *out.shape[2:])


def _adjust(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class CorrelationHead(nn.Module):
    """Correlates template and search features; maps each cell to ``outputs`` values.

    With ``outputs`` 0 it ends at the correlation, which is all that a refinement needs.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv_kernel = _adjust(channels)
        self.conv_search = _adjust(channels)
        if outputs:
            self.head = nn.Sequential(
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, outputs, 1),
            )

    def kernel(self, template_features: Tensor) -> Tensor:
        """The correlation kernel (N, C, h−2, w−2) of a template: computed once a target."""
        kernel: Tensor = self.conv_kernel(template_features)
        return kernel

    def correlate(self, search_features: Tensor, kernel: Tensor) -> Tensor:
        """The correlation map (N, C, S, S)."""
        return depthwise_correlation(self.conv_search(search_features), kernel)

    def forward(self, search_features: Tensor, kernel: Tensor) -> Tensor:
        """The head's output (N, outputs, S, S)."""
        out: Tensor = self.head(self.correlate(search_features, kernel))
        return out
