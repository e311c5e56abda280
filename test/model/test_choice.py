"""The guess on the device is the tracker's own choice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.one_choice import choose

from siammask_ros.model.choice import best_cells, cosine_window, ranking_terms
from siammask_ros.model.variants import variant_named
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.scoring import AnchorField

FIELD = AnchorField.of(variant_named("resnet50"))
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


def guessed(
    score: NDArray[np.float32],
    box: NDArray[np.float32],
    sizes: NDArray[np.float64],
    config: TrackerConfig,
) -> list[list[int]]:
    terms = ranking_terms(sizes, FIELD.sizes, config.penalty_k, config.window_influence)
    cells: list[list[int]] = best_cells(
        torch.from_numpy(score),
        torch.from_numpy(box),
        torch.from_numpy(terms).float(),
        cosine_window(25),
    ).tolist()
    return cells


def test_the_window_is_the_trackers() -> None:
    assert np.array_equal(cosine_window(25).numpy(), FIELD.window.astype(np.float32))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_same_cells_are_chosen(config: TrackerConfig) -> None:
    score, box, sizes = maps(seed=0)
    expected = []
    for one_score, one_box, size in zip(score, box, sizes, strict=True):
        choice = choose(one_score, one_box, (size[0], size[1]), FIELD, config)
        assert choice is not None
        expected.append([choice.row, choice.column])
    assert guessed(score, box, sizes, config) == expected


def test_the_sizes_and_the_settings_matter() -> None:
    """Else a guess that ignores them would agree."""
    score, box, sizes = maps(seed=0)
    plain = guessed(score, box, sizes, PRESETS["lite"])
    assert guessed(score, box, sizes[::-1].copy(), PRESETS["lite"]) != plain
    assert guessed(score, box, sizes, CONFIGS["no penalty"]) != plain
    assert guessed(score, box, sizes, CONFIGS["no window"]) != plain


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_a_map_that_is_not_finite_gives_a_cell_all_the_same(value: float) -> None:
    score, box, sizes = maps(seed=0)
    score[0, 2, 3, 4] = box[1, 2, 3, 4] = box[2, 2] = value
    cells = np.array(guessed(score, box, sizes, PRESETS["lite"]))
    assert ((cells >= 0) & (cells < 25)).all()
    others = guessed(*(part[3:] for part in (score, box, sizes)), PRESETS["lite"])
    assert cells[3:].tolist() == others
