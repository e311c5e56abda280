"""The refinement of lite: shapes, and how far it looks."""

from __future__ import annotations

import pytest
import torch

from siammask_ros.model.lite_refine import LiteRefinement

WINDOWS, LEVELS, CHANNELS = (64, 32, 16), (16, 24, 40), 8


@pytest.fixture(scope="module")
def refinement() -> LiteRefinement:
    torch.manual_seed(0)
    return LiteRefinement(CHANNELS, LEVELS, WINDOWS, 128).eval()


def parts(items: int) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    vector = torch.randn(items, CHANNELS, generator=source)
    windows = [
        torch.randn(items, channels, side, side, generator=source)
        for channels, side in zip(LEVELS, WINDOWS, strict=True)
    ]
    return [vector, *windows]


@pytest.mark.parametrize("items", [1, 3])
def test_an_item_gives_a_mask_and_a_quality(refinement: LiteRefinement, items: int) -> None:
    with torch.no_grad():
        logits, quality = refinement(*parts(items))
    assert logits.shape == (items, 128, 128)
    assert quality.shape == (items,)


def test_a_pixel_of_the_mask_depends_on_things_half_a_window_away(
    refinement: LiteRefinement,
) -> None:
    vector, fine, middle, coarse = parts(1)
    coarse.requires_grad_()
    logits, _ = refinement(vector, fine, middle, coarse)
    logits[0, 64, 64].backward()
    assert coarse.grad is not None
    reached = coarse.grad[0].abs().sum(dim=0) > 0
    rows, columns = (torch.nonzero(reached.any(dim=axis)).flatten() for axis in (1, 0))
    assert rows[-1] - rows[0] >= 11
    assert columns[-1] - columns[0] >= 11


def test_the_quality_depends_on_every_part_of_the_window(refinement: LiteRefinement) -> None:
    vector, fine, middle, coarse = parts(1)
    coarse.requires_grad_()
    _, quality = refinement(vector, fine, middle, coarse)
    quality.sum().backward()
    assert coarse.grad is not None
    assert (coarse.grad[0].abs().sum(dim=0) > 0).all()
