"""The cell selected on the device is the tracker's own choice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.one_choice import choose
from torch import Tensor

from siammask_ros.model.choice import cell_queries, select_cells, selection_queries
from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.scoring import AnchorField

FIELD = AnchorField.of(get_variant("resnet50"))
ITEMS = 40
# Those of the weights, and some that have no penalty, no window, or nothing but the window.
CONFIGS = {
    **PRESETS,
    "no penalty": TrackerConfig(penalty_k=0.0),
    "no window": TrackerConfig(window_influence=0.0),
    "window alone": TrackerConfig(window_influence=1.0),
}


def maps(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Scores, raw boxes and target sizes of many items."""
    rng = np.random.default_rng(seed)
    score = rng.random((ITEMS, 5, 25, 25), np.float32) ** 4
    box = rng.normal(0, 0.6, (ITEMS, 4, 5, 25, 25)).astype(np.float32)
    return score, box, rng.uniform(8, 200, (ITEMS, 2))


def select(
    score: NDArray[np.float32],
    box: NDArray[np.float32],
    sizes: NDArray[np.float64],
    config: TrackerConfig,
) -> list[list[int]]:
    queries = selection_queries(
        sizes, FIELD.sizes, config.penalty_k, config.window_influence, 25, 25
    )
    _, cells = select_cells(maps_of(score, box), torch.from_numpy(queries))
    return [[*divmod(cell, 25)] for cell in cells.tolist()]


def maps_of(score: NDArray[np.float32], box: NDArray[np.float32]) -> Tensor:
    """The maps as the heads give them: logits, boxes, ones and zeros."""
    items, _, side, _ = score.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        logits = np.log(score / (1 - score))
    parts = [np.zeros_like(logits), logits, box.reshape(items, -1, side, side)]
    last = np.ones((items, 2, side, side), np.float32) * np.array([1, 0], np.float32)[:, None, None]
    return torch.from_numpy(np.concatenate([*parts, last], axis=1))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_same_cells_are_chosen(config: TrackerConfig) -> None:
    score, box, sizes = maps(seed=0)
    expected = []
    for one_score, one_box, size in zip(score, box, sizes, strict=True):
        choice = choose(one_score, one_box, (size[0], size[1]), FIELD, config)
        assert choice is not None
        expected.append([choice.row, choice.column])
    assert select(score, box, sizes, config) == expected


def test_the_sizes_and_the_settings_matter() -> None:
    """Else a selection that ignores them would agree."""
    score, box, sizes = maps(seed=0)
    plain = select(score, box, sizes, PRESETS["lite"])
    assert select(score, box, sizes[::-1].copy(), PRESETS["lite"]) != plain
    assert select(score, box, sizes, CONFIGS["no penalty"]) != plain
    assert select(score, box, sizes, CONFIGS["no window"]) != plain


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_a_map_that_is_not_finite_gives_a_cell_all_the_same(value: float) -> None:
    score, box, sizes = maps(seed=0)
    score[0, 2, 3, 4] = box[1, 2, 3, 4] = box[2, 2] = value
    cells = np.array(select(score, box, sizes, PRESETS["lite"]))
    assert ((cells >= 0) & (cells < 25)).all()
    others = select(*(part[3:] for part in (score, box, sizes)), PRESETS["lite"])
    assert cells[3:].tolist() == others


def test_a_smaller_map_ranks_by_the_middle_of_the_window() -> None:
    score, box, sizes = maps(seed=1)
    config, inner = PRESETS["lite"], (slice(None), slice(None), slice(6, 19), slice(6, 19))
    # Nothing outside of the middle may win on the large map.
    outside = np.ones((25, 25), bool)
    outside[6:19, 6:19] = False
    score[:, :, outside] = 1e-6
    box[..., outside] = 5
    expected = [[row - 6, column - 6] for row, column in select(score, box, sizes, config)]
    queries = selection_queries(
        sizes, FIELD.sizes, config.penalty_k, config.window_influence, 13, 25
    )
    small = maps_of(score[inner], np.ascontiguousarray(box[..., 6:19, 6:19]))
    _, cells = select_cells(small, torch.from_numpy(queries))
    assert [[*divmod(cell, 13)] for cell in cells.tolist()] == expected


def test_scores_are_probabilities() -> None:
    score, box, _ = maps(seed=2)
    queries = torch.from_numpy(cell_queries(np.zeros(ITEMS, np.int64), 5, 25))
    told, _ = select_cells(maps_of(score, box), queries)
    assert np.allclose(told.numpy(), score, atol=1e-6)


def test_a_cell_that_is_asked_for_is_selected() -> None:
    score, box, _ = maps(seed=2)
    cells = np.random.default_rng(2).integers(0, 625, ITEMS)
    _, selected = select_cells(maps_of(score, box), torch.from_numpy(cell_queries(cells, 5, 25)))
    assert selected.tolist() == cells.tolist()
