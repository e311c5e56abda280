"""The losses, against values worked out by hand, and whom they leave alone."""

from __future__ import annotations

import math

import pytest
import torch

from siammask_ros.training.losses import (
    box_loss,
    hardest_background_cells,
    mask_loss,
    positive_cells,
    quality_loss,
    score_loss,
)

SIDE = 25
LOG2 = math.log(2)


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def kinds(items: int = 1, anchors: int = 5) -> torch.Tensor:
    """No anchor counts yet."""
    return torch.full((items, anchors, SIDE, SIDE), -1, dtype=torch.int8)


def logits(items: int = 1) -> torch.Tensor:
    return torch.zeros(items, 10, SIDE, SIDE, requires_grad=True)


def set_logit(
    score: torch.Tensor, item: int, anchor: int, cell: tuple[int, int], value: float
) -> None:
    """The target's logit of an anchor, its background's staying 0: read as (2, k)."""
    with torch.no_grad():
        score[item, 5 + anchor, cell[0], cell[1]] = value


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


# Score


def test_nothing_to_judge_has_no_score_loss() -> None:
    score = logits()
    loss = score_loss(score, kinds())
    loss.backward()
    assert loss.item() == 0
    assert not score.grad.any()


def test_without_any_knowledge_the_score_loss_is_log_2() -> None:
    kind = kinds()
    kind[0, 2, 12, 12], kind[0, 1, 3, 4] = 1, 0
    assert score_loss(logits(), kind).item() == pytest.approx(LOG2)


def test_targets_and_backgrounds_count_half_each() -> None:
    kind, score = kinds(), logits()
    kind[0, 2, 12, 12] = 1
    set_logit(score, 0, 2, (12, 12), 1.5)
    for column, value in enumerate((0.5, -2.0, 3.0)):
        kind[0, 4, 7, column] = 0
        set_logit(score, 0, 4, (7, column), value)
    target = softplus(-1.5)
    background = (softplus(0.5) + softplus(-2.0) + softplus(3.0)) / 3
    expected = 0.5 * target + 0.5 * background
    assert score_loss(score, kind).item() == pytest.approx(expected, rel=1e-5)


def test_a_negative_pair_takes_no_part_in_the_targets_half() -> None:
    kind, score = kinds(items=2), logits(items=2)
    kind[0, 0, 0, 0], kind[0, 0, 0, 1], kind[1, 0, 0, 0] = 1, 0, 0
    set_logit(score, 0, 0, (0, 0), 2.0)
    set_logit(score, 1, 0, (0, 0), 1.0)
    expected = 0.5 * softplus(-2.0) + 0.5 * (LOG2 + softplus(1.0)) / 2
    assert score_loss(score, kind).item() == pytest.approx(expected, rel=1e-5)


def test_half_of_the_backgrounds_are_the_hardest_of_48() -> None:
    kind, score = kinds(), logits()
    kind[:] = 0
    with torch.no_grad():
        score[0, 5:] = -30.0
        score[0, 5, 0, :24] = 2.0
    assert score_loss(score, kind).item() == pytest.approx(0.5 * softplus(2.0) * 24 / 48, rel=1e-4)


def test_at_most_16_targets_and_48_backgrounds_of_a_pair_learn() -> None:
    kind, score = kinds(), logits()
    kind[0, 0], kind[0, 1] = 1, 0
    score_loss(score, kind).backward()
    learning = score.grad.reshape(2, 5, SIDE, SIDE).abs().sum(dim=0) > 0
    assert learning[0].sum() == 16
    assert learning[1].sum() == 48
    assert not learning[2:].any()


def test_an_anchor_that_is_neither_learns_nothing_from_its_score() -> None:
    kind, score = kinds(), logits()
    kind[0, 2, 12, 12], kind[0, 2, 0, 0] = 1, 0
    score_loss(score, kind).backward()
    learning = (score.grad.reshape(2, 5, SIDE, SIDE).abs().sum(dim=0) > 0).nonzero().tolist()
    assert learning == [[2, 0, 0], [2, 12, 12]]


# Box


def test_no_target_has_no_box_loss() -> None:
    box = torch.ones(2, 20, SIDE, SIDE, requires_grad=True)
    loss = box_loss(box, kinds(2), torch.zeros(2, 4, 5, SIDE, SIDE))
    loss.backward()
    assert loss.item() == 0
    assert not box.grad.any()


def test_the_box_loss_is_l1_over_four_offsets_mean_over_targets_then_pairs() -> None:
    kind = kinds(3)
    kind[0, 1, 2, 3] = kind[0, 4, 9, 9] = kind[1, 0, 0, 0] = 1
    kind[2] = 0
    wanted = torch.zeros(3, 4, 5, SIDE, SIDE)
    given = torch.zeros(3, 4, 5, SIDE, SIDE)
    given[0, :, 1, 2, 3] = torch.tensor([1.0, -2.0, 0.5, 0.25])  # 3.75
    wanted[0, :, 4, 9, 9] = torch.tensor([0.0, 1.0, 0.0, 0.25])  # 1.25
    given[1, :, 0, 0, 0] = torch.tensor([2.0, 0.0, 0.0, 0.0])
    given[2] = 100.0
    box = given.reshape(3, 20, SIDE, SIDE).requires_grad_()

    loss = box_loss(box, kind, wanted)
    loss.backward()

    assert loss.item() == pytest.approx(((3.75 + 1.25) / 2 + 2.0) / 2)
    learning = box.grad.reshape(given.shape).abs().sum(dim=1) > 0
    assert torch.equal(learning, kind == 1)


# Mask


def test_no_masks_have_no_loss_and_can_still_be_learned_from() -> None:
    empty = torch.zeros(0, 8, 8, requires_grad=True)
    logistic, dice = mask_loss(empty, torch.zeros(0, 8, 8, dtype=torch.int8))
    (logistic + dice).backward()
    assert (logistic.item(), dice.item()) == (0, 0)


def test_the_mask_loss_by_hand() -> None:
    values = torch.tensor([[[1.0, -2.0], [0.5, 9.0]], [[3.0, -9.0], [9.0, -9.0]]])
    labels = torch.tensor([[[1, -1], [-1, 0]], [[1, 0], [0, 0]]], dtype=torch.int8)
    logistic, dice = mask_loss(values, labels)

    first = (softplus(-1.0) + softplus(-2.0) + softplus(0.5)) / 3
    assert logistic.item() == pytest.approx((first + softplus(-3.0)) / 2, rel=1e-5)

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    first = 1 - (2 * sigmoid(1) + 1) / (sigmoid(1) + sigmoid(-2) + sigmoid(0.5) + 1 + 1)
    second = 1 - (2 * sigmoid(3) + 1) / (sigmoid(3) + 1 + 1)
    assert dice.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_without_any_knowledge_the_logistic_mask_loss_is_log_2() -> None:
    labels = torch.ones(2, 8, 8, dtype=torch.int8)
    labels[:, 4:] = -1
    assert mask_loss(torch.zeros(2, 8, 8), labels)[0].item() == pytest.approx(LOG2)


@pytest.mark.parametrize("which", [0, 1], ids=["logistic", "dice"])
def test_a_pixel_that_is_not_judged_learns_nothing(which: int) -> None:
    labels = torch.randint(-1, 2, (3, 16, 16)).to(torch.int8)
    labels[2] = 0
    values = torch.randn(3, 16, 16, requires_grad=True)
    mask_loss(values, labels)[which].backward()
    assert torch.isfinite(values.grad).all()
    assert torch.equal(values.grad != 0, labels != 0)


def test_a_right_mask_has_next_to_no_loss_and_a_wrong_one_much() -> None:
    labels = torch.where(torch.arange(16) < 8, 1, -1).to(torch.int8).expand(1, 16, 16)
    right, wrong = (mask_loss(sign * 20.0 * labels.float(), labels) for sign in (1, -1))
    assert max(loss.item() for loss in right) < 0.01
    assert wrong[0].item() == pytest.approx(20, rel=1e-3)
    assert wrong[1].item() > 0.98


# Quality


def halves(*shares: float) -> torch.Tensor:
    """Labels (M, 8, 8) whose first share of rows is the target."""
    rows = torch.arange(8)[None, :, None].expand(len(shares), 8, 8)
    return torch.where(rows < 8 * torch.tensor(shares)[:, None, None], 1, -1).to(torch.int8)


def test_no_masks_have_no_quality_loss() -> None:
    nothing = torch.zeros(0, requires_grad=True)
    loss = quality_loss(nothing, torch.zeros(0, 8, 8), halves()[:0])
    loss.backward()
    assert loss.item() == 0


def test_the_quality_that_costs_nothing_is_the_iou_of_the_mask() -> None:
    labels = halves(0.5, 0.25, 0.0)
    # The first is right, the second twice too large, the third sees what is not there.
    logits = halves(0.5, 0.5, 0.5).float() * 9
    iou = torch.tensor([1 - 1e-6, 0.5, 1e-6])
    assert quality_loss(torch.logit(iou), logits, labels).item() == pytest.approx(0, abs=1e-4)
    for wrong in (torch.zeros(3), torch.logit(iou) + 1, torch.logit(1 - iou)):
        assert quality_loss(wrong, logits, labels).item() > 0.02


def test_the_quality_loss_does_not_move_the_mask() -> None:
    logits = torch.randn(3, 8, 8, requires_grad=True)
    quality = torch.zeros(3, requires_grad=True)
    quality_loss(quality, logits, halves(0.5, 0.25, 0.0)).backward()
    assert logits.grad is None
    assert quality.grad is not None and quality.grad.abs().max() > 0


def test_pixels_that_are_not_judged_do_not_count_for_the_quality() -> None:
    labels = halves(0.5)
    labels[:, 4:] = 0
    everything = torch.full((1, 8, 8), 9.0)
    sure = torch.tensor([12.0])
    assert quality_loss(sure, everything, labels).item() == pytest.approx(0, abs=1e-4)


def test_a_doubtful_cell_is_the_best_scored_one_on_background() -> None:
    kind = kinds(3)
    kind[0] = 0
    kind[0, :, 12, 12] = 1
    kind[1] = 0
    score = torch.zeros(3, 10, 25, 25)
    score[0, 5:, 12, 12] = 9  # the target itself
    score[0, 7, 3, 4] = 2
    score[1, 9, 24, 0] = 1
    score[2, 9, 5, 5] = 9  # neither target nor background
    cells = torch.stack(hardest_background_cells(score, kind), dim=1).tolist()
    assert cells == [[0, 3, 4], [1, 24, 0]]


# Cells


def test_no_targets_have_no_cells() -> None:
    items, rows, columns = positive_cells(kinds(2), 3)
    assert len(items) == len(rows) == len(columns) == 0
    assert items.dtype == torch.int64


def test_cells_are_those_where_some_anchor_is_the_target() -> None:
    kind = kinds(3)
    kind[0, 1, 2, 3] = kind[0, 4, 2, 3] = kind[0, 0, 9, 8] = 1
    kind[1] = 0
    kind[2, 3, 24, 24] = 1
    cells = torch.stack(positive_cells(kind, 5), dim=1).tolist()
    assert sorted(cells) == [[0, 2, 3], [0, 9, 8], [2, 24, 24]]


def test_of_many_cells_as_many_as_asked_for_are_drawn_and_not_always_the_same() -> None:
    kind = kinds(2)
    kind[:, 2, 8:14, 8:14] = 1
    drawn = {tuple(map(tuple, torch.stack(positive_cells(kind, 2), 1).tolist())) for _ in range(9)}
    assert len(drawn) > 1
    for cells in drawn:
        assert [item for item, _, _ in cells] == [0, 0, 1, 1]
        assert len(set(cells)) == 4
        assert all(8 <= row < 14 and 8 <= column < 14 for _, row, column in cells)
