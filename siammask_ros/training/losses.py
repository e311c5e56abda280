"""The losses of SiamMask: score, box and mask (paper, equation 3 and section 4.1), and quality."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_POSITIVES = 16
_NEGATIVES = 48
_HARD = 24


def score_loss(score: Tensor, kind: Tensor) -> Tensor:
    """Mean negative log-likelihood, half from target anchors, half from background ones.

    ``score`` (N, 2k, S, S) logits, ``kind`` (N, k, S, S) of labels.py. Of each pair at most 16
    target and 48 background anchors count; half of the latter are those the network finds
    hardest, because distractors are rare in a random sample.
    """
    items, anchors = kind.shape[:2]
    logits = score.reshape(items, 2, anchors, *score.shape[2:])
    likelihood = torch.log_softmax(logits, dim=1).flatten(2)
    flat = kind.flatten(1)
    target_loss, background_loss = -likelihood[:, 1], -likelihood[:, 0]
    chance = torch.rand(flat.shape, device=score.device)
    targets = _largest(chance, flat == 1, _POSITIVES)
    hard = _largest(background_loss.detach(), flat == 0, _HARD)
    backgrounds = hard | _largest(chance, (flat == 0) & ~hard, _NEGATIVES - _HARD)
    return 0.5 * (_mean(target_loss, targets) + _mean(background_loss, backgrounds))


def box_loss(box: Tensor, kind: Tensor, offsets: Tensor) -> Tensor:
    """L1 over the four offsets, averaged over a pair's target anchors, then over pairs.

    ``box`` is the raw head (N, 4k, S, S); ``offsets`` (N, 4, k, S, S).
    """
    wanted = kind == 1
    error = (box.reshape(offsets.shape) - offsets).abs().sum(dim=1)
    counts = wanted.sum(dim=(1, 2, 3)).clamp(min=1)
    per_pair = torch.where(wanted, error, 0.0).sum(dim=(1, 2, 3)) / counts
    shown = wanted.flatten(1).any(dim=1).sum().clamp(min=1)
    return per_pair.sum() / shown


def mask_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logistic loss per pixel that counts, and the soft Dice loss; both averaged over masks.

    ``logits`` (M, H, W), ``labels`` (M, H, W) int8 of +1, −1 and 0 for ignored pixels. The
    logistic loss is the paper's; Dice gives thin and small targets more weight.
    """
    if len(logits) == 0:
        return logits.sum(), logits.sum()
    counted = (labels != 0).float()
    pixels = counted.sum(dim=(1, 2)).clamp(min=1)
    wrong = functional.softplus(-labels.float() * logits) * counted
    logistic = (wrong.sum(dim=(1, 2)) / pixels).mean()
    target = (labels > 0).float()
    probability = torch.sigmoid(logits) * counted
    common = (probability * target).sum(dim=(1, 2))
    total = probability.sum(dim=(1, 2)) + target.sum(dim=(1, 2))
    dice = (1 - (2 * common + 1) / (total + 1)).mean()
    return logistic, dice


def positive_cells(kind: Tensor, each: int) -> tuple[Tensor, Tensor, Tensor]:
    """Up to ``each`` random cells of every pair where some anchor is the target.

    Returns item, row and column indices (M,) int64.
    """
    cells = (kind == 1).any(dim=1)
    chosen = _largest(torch.rand(cells.flatten(1).shape), cells.flatten(1).cpu(), each)
    items, rows, columns = chosen.reshape(cells.shape).nonzero(as_tuple=True)
    return items.to(kind.device), rows.to(kind.device), columns.to(kind.device)


def quality_loss(quality: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the logits ``quality`` (M,) and the true IoU of the masks (M, H, W).

    ``labels`` (M, H, W) int8 as in ``mask_loss``; without any target the IoU is 0. The
    entropy of the IoU itself is subtracted, so that the best loss is 0.
    """
    if len(quality) == 0:
        return quality.sum()
    target = labels > 0
    predicted = (logits.detach() > 0) & (labels != 0)
    union = (predicted | target).sum(dim=(1, 2)).clamp(min=1)
    iou = (predicted & target).sum(dim=(1, 2)) / union
    error = functional.binary_cross_entropy_with_logits(quality, iou)
    return error - functional.binary_cross_entropy(iou, iou)


def hardest_background_cells(score: Tensor, kind: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return for every pair the background cell with the best score: the likeliest error.

    ``score`` (N, 2k, S, S) logits, ``kind`` (N, k, S, S). Returns item, row and column indices
    (M,) int64 of the pairs that have such a cell.
    """
    items, anchors, side = kind.shape[:3]
    logits = score.reshape(items, 2, anchors, side, -1)
    margin = (logits[:, 1] - logits[:, 0]).masked_fill(kind != 0, float("-inf")).amax(dim=1)
    margin = margin.masked_fill((kind == 1).any(dim=1), float("-inf"))
    best, index = margin.flatten(1).max(dim=1)
    (having,) = torch.isfinite(best).nonzero(as_tuple=True)
    return having, index[having] // side, index[having] % side


def _largest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """Mark the ``count`` largest values of each row among those where ``among`` is true."""
    count = min(count, values.shape[1])
    ranked = values.masked_fill(~among, float("-inf"))
    best, index = ranked.topk(count, dim=1)
    chosen = torch.zeros_like(among)
    chosen.scatter_(1, index, torch.isfinite(best))
    return chosen


def _mean(loss: Tensor, chosen: Tensor) -> Tensor:
    """The mean over each pair's chosen anchors, then over the pairs that have any."""
    counts = chosen.sum(dim=1)
    per_pair = torch.where(chosen, loss, 0.0).sum(dim=1) / counts.clamp(min=1)
    return per_pair.sum() / (counts > 0).sum().clamp(min=1)
