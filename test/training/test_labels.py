"""What the network should have answered: anchors by overlap, masks by their cell's window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siammask_ros.model.variants import Variant, get_variant
from siammask_ros.training.labels import AnchorLabeller, AnchorLabels, mask_windows

RESNET50, LITE = get_variant("resnet50"), get_variant("lite")
SIZES = [(104, 32), (88, 40), (64, 64), (40, 80), (32, 96)]
LABELLER = AnchorLabeller(LITE)


def box_around(x: float, y: float, width: float, height: float) -> torch.Tensor:
    """One box by its middle, in search-crop pixels, whose middle is 127.5."""
    return torch.tensor([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])


def labels_of(box_xyxy: torch.Tensor, positive: bool = True) -> AnchorLabels:
    return LABELLER(box_xyxy, torch.tensor([positive]))


def literal_overlap(box_xyxy: torch.Tensor) -> np.ndarray:
    """IoU of every anchor with one box, (k, 25, 25), one after the other."""
    x0, y0, x1, y1 = box_xyxy[0].tolist()
    overlap = np.zeros((5, 25, 25))
    for k, (width, height) in enumerate(SIZES):
        for row in range(25):
            for column in range(25):
                x, y = 127.5 + (column - 12) * 8, 127.5 + (row - 12) * 8
                across = min(x + width / 2, x1) - max(x - width / 2, x0)
                down = min(y + height / 2, y1) - max(y - height / 2, y0)
                common = max(across, 0) * max(down, 0)
                overlap[k, row, column] = common / (width * height + (x1 - x0) * (y1 - y0) - common)
    return overlap


def test_no_pairs_give_no_labels() -> None:
    labels = LABELLER(torch.zeros(0, 4), torch.zeros(0, dtype=torch.bool))
    assert labels.kind.shape == (0, 5, 25, 25)
    assert labels.offsets.shape == (0, 4, 5, 25, 25)


@pytest.mark.parametrize(("anchor", "size"), enumerate(SIZES), ids=str)
def test_a_box_like_an_anchor_is_that_anchors_target(anchor: int, size: tuple[int, int]) -> None:
    labels = labels_of(box_around(127.5 + 16, 127.5 - 8, *size))
    assert labels.kind[0, anchor, 11, 14] == 1
    assert labels.offsets[0, :, anchor, 11, 14].tolist() == pytest.approx([0, 0, 0, 0])
    assert (labels.kind == 1).any(dim=1).sum() > 1


@pytest.mark.parametrize(
    "box",
    [
        box_around(127.5, 127.5, 64, 64),
        box_around(90.2, 140.9, 50, 70),
        box_around(30, 220, 100, 36),
        box_around(127.5, 127.5, 100, 90),
    ],
    ids=["middle", "off the middle", "corner", "large"],
)
def test_above_06_is_target_below_03_background_between_neither(box: torch.Tensor) -> None:
    overlap = literal_overlap(box)
    kind = labels_of(box).kind[0].numpy()
    best = overlap.max()
    expected = np.where(overlap > 0.6, 1, np.where(overlap < 0.3, 0, -1))
    if 0.4 <= best <= 0.6:
        expected[overlap >= best - 1e-6] = 1
    clear = (np.abs(overlap - 0.6) > 1e-6) & (np.abs(overlap - 0.3) > 1e-6)
    assert np.array_equal(kind[clear], expected[clear])
    assert {-1, 0} <= set(np.unique(kind))


@pytest.mark.parametrize(
    ("size", "has_target"),
    [
        pytest.param((150, 64), True, id="wide"),
        pytest.param((30, 30), False, id="far too small"),
        pytest.param((200, 9), False, id="a line"),
        pytest.param((44, 44), True, id="small"),
    ],
)
def test_a_shape_that_no_anchor_meets_well_has_its_best_anchor_or_none(
    size: tuple[int, int], has_target: bool
) -> None:
    box = box_around(127.5, 127.5, *size)
    overlap = literal_overlap(box)
    assert overlap.max() <= 0.6
    assert (overlap.max() >= 0.4) == has_target
    # Where the box holds an anchor wholly, neighbouring cells overlap it alike.
    best = overlap >= overlap.max() - 1e-6
    targets = labels_of(box).kind[0].numpy() == 1
    assert targets.any() == has_target
    assert not (targets & ~best).any()


def test_a_negative_pair_is_all_background() -> None:
    box = box_around(127.5, 127.5, 64, 64)
    both = LABELLER(torch.cat([box, box]), torch.tensor([False, True]))
    assert (both.kind[0] == 0).all()
    assert (both.kind[1] == 1).any()
    assert (labels_of(torch.zeros(1, 4), positive=False).kind == 0).all()


@settings(max_examples=30)
@given(st.floats(40, 215), st.floats(40, 215), st.floats(20, 200), st.floats(20, 200))
def test_offsets_are_what_decoding_turns_back_into_the_box(
    x: float, y: float, width: float, height: float
) -> None:
    """As in step 2 of the online tracking: offsets from the crop's middle, times the anchor."""
    offsets = labels_of(box_around(x, y, width, height)).offsets[0].double().numpy()
    assert np.isfinite(offsets).all()
    for k, (anchor_w, anchor_h) in enumerate(SIZES):
        dx, dy, dw, dh = offsets[:, k]
        columns = (np.arange(25) - 12) * 8
        assert np.allclose(dx * anchor_w + columns[None, :], x - 127.5, atol=1e-3)
        assert np.allclose(dy * anchor_h + columns[:, None], y - 127.5, atol=1e-3)
        assert np.allclose(np.exp(dw) * anchor_w, width, rtol=1e-4)
        assert np.allclose(np.exp(dh) * anchor_h, height, rtol=1e-4)


def windows_at(
    mask: torch.Tensor, cells: list[tuple[int, int, int]], variant: Variant
) -> torch.Tensor:
    items, rows, columns = torch.tensor(cells, dtype=torch.int64).reshape(-1, 3).T
    return mask_windows(mask, items, rows, columns, variant)


@pytest.fixture(scope="module")
def masks() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-1, 2, (2, 255, 255), generator=generator).to(torch.int8)


@pytest.mark.parametrize(("variant", "side"), [(RESNET50, 127), (LITE, 128)], ids=["127", "128"])
def test_no_cells_give_no_windows(masks: torch.Tensor, variant: Variant, side: int) -> None:
    assert windows_at(masks, [], variant).shape == (0, side, side)


@pytest.mark.parametrize("cell", [(12, 12), (4, 4), (20, 20), (9, 17)], ids=str)
@pytest.mark.parametrize(("variant", "side"), [(RESNET50, 127), (LITE, 128)], ids=["127", "128"])
def test_a_window_starts_four_cells_before_its_own(
    masks: torch.Tensor, variant: Variant, side: int, cell: tuple[int, int]
) -> None:
    (window,) = windows_at(masks, [(1, *cell)], variant)
    top, left = (cell[0] - 4) * 8, (cell[1] - 4) * 8
    seen = masks[1, top : top + side, left : left + side]
    assert torch.equal(window[: seen.shape[0], : seen.shape[1]], seen)


@pytest.mark.parametrize("cell", [(0, 0), (24, 24), (0, 24), (2, 12), (21, 3)], ids=str)
@pytest.mark.parametrize(("variant", "side"), [(RESNET50, 127), (LITE, 128)], ids=["127", "128"])
def test_what_lies_outside_the_search_crop_is_not_judged(
    variant: Variant, side: int, cell: tuple[int, int]
) -> None:
    (window,) = windows_at(torch.ones(1, 255, 255, dtype=torch.int8), [(0, *cell)], variant)
    rows = np.arange(side) + (cell[0] - 4) * 8
    columns = np.arange(side) + (cell[1] - 4) * 8
    inside = ((rows >= 0) & (rows < 255))[:, None] & ((columns >= 0) & (columns < 255))[None]
    assert window.dtype == torch.int8
    assert np.array_equal(window.numpy(), inside.astype(np.int8))


def test_windows_of_several_items_are_their_own(masks: torch.Tensor) -> None:
    cells = [(1, 12, 12), (0, 12, 12), (1, 6, 20)]
    together = windows_at(masks, cells, LITE)
    for window, cell in zip(together, cells, strict=True):
        assert torch.equal(window, windows_at(masks, [cell], LITE)[0])
    assert not torch.equal(together[0], together[1])
