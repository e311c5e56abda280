"""The correlation head, against loops."""

from __future__ import annotations

import pytest
import torch

from siammask_ros.model.heads import CorrelationHead, depthwise_correlation


def naive_correlation(search: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    items, channels, height, width = search.shape
    side = kernel.shape[-1]
    out = torch.zeros(items, channels, height - side + 1, width - side + 1)
    for row in range(out.shape[2]):
        for column in range(out.shape[3]):
            window = search[:, :, row : row + side, column : column + side]
            out[:, :, row, column] = (window * kernel).sum(dim=(2, 3))
    return out


@pytest.mark.parametrize("items", [1, 3])
def test_each_item_meets_its_own_kernel_channel_by_channel(items: int) -> None:
    generator = torch.Generator().manual_seed(0)
    search = torch.randn(items, 4, 9, 8, generator=generator)
    kernel = torch.randn(items, 4, 3, 3, generator=generator)
    ours = depthwise_correlation(search, kernel)
    assert torch.allclose(ours, naive_correlation(search, kernel), atol=1e-5)


def test_one_items_kernel_changes_no_other_item() -> None:
    generator = torch.Generator().manual_seed(0)
    search = torch.randn(2, 4, 9, 9, generator=generator)
    kernel = torch.randn(2, 4, 3, 3, generator=generator)
    before = depthwise_correlation(search, kernel)
    kernel[0] = torch.nan
    after = depthwise_correlation(search, kernel)
    assert torch.equal(after[1], before[1])
    assert after[0].isnan().all()


def test_sizes_along_the_head() -> None:
    head = CorrelationHead(8, 10).eval()
    with torch.inference_mode():
        kernel = head.kernel(torch.zeros(2, 8, 7, 7))
        assert kernel.shape == (2, 8, 5, 5)
        assert head.correlate(torch.zeros(2, 8, 31, 31), kernel).shape == (2, 8, 25, 25)
        assert head(torch.zeros(2, 8, 31, 31), kernel).shape == (2, 10, 25, 25)


def test_a_head_without_outputs_ends_at_the_correlation() -> None:
    names = {name.split(".")[0] for name in CorrelationHead(8, 0).state_dict()}
    assert names == {"conv_kernel", "conv_search"}
