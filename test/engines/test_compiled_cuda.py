"""The compiled engine's graph where there is a GPU; the rest of it is tested without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.engine_inputs import LITE, crops
from support.one_choice import choose
from support.random_network import lively_network

from siammask_ros.engines.base import EngineInfo, Floats, Response, SelectionParams
from siammask_ros.engines.compiled import CompiledEngine
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.errors import EngineError
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.scoring import AnchorField

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

CUDA = torch.device("cuda")
INFO = EngineInfo("test", "cuda", "fp32", "none", "0" * 64)
FIELD = AnchorField.of(LITE)
CONFIG = PRESETS["lite"]
# Largest difference of score probability, raw box (values reach 6) and mask probability. A random
# network is no calm one; on a CPU, fp16 differed by 0.013, 0.055 and 0.042.
BOUNDS = {"fp32": (1e-4, 5e-4, 5e-4), "fp16": (0.05, 0.2, 0.2)}


def compiled_engine(precision: str = "fp32") -> CompiledEngine:
    return CompiledEngine(lively_network(LITE), CUDA, replace(INFO, precision=precision))


def params(items: int) -> SelectionParams:
    sizes = np.random.default_rng(5).uniform(30, 90, (items, 2))
    return SelectionParams(sizes, FIELD.sizes, CONFIG.penalty_k, CONFIG.window_influence)


def cells_of(response: Response, params_: SelectionParams) -> list[tuple[int, int]]:
    """What a tracker chooses."""
    cells = []
    for score, box, (width, height) in zip(
        response.score, response.box, params_.sizes_in_crop, strict=True
    ):
        choice = choose(score, box, (width, height), FIELD, CONFIG)
        assert choice is not None
        cells.append((choice.row, choice.column))
    return cells


def eager_answer(items: int, seed: int, cells: NDArray[np.int64]) -> tuple[Response, Floats]:
    engine = EagerEngine(lively_network(LITE), CUDA, INFO)
    response = engine.search(engine.template(crops(items, 127, seed)), crops(items, 255, seed))
    return response, engine.refine(response, cells[:, 0], cells[:, 1]).values


@pytest.mark.parametrize("items", [1, 3, 8])
@pytest.mark.parametrize("precision", BOUNDS)
def test_c9_the_graph_agrees_with_pytorch_frame_after_frame(precision: str, items: int) -> None:
    engine, params_ = compiled_engine(precision), params(items)
    for seed in (0, 1, 0):
        templates = engine.template(crops(items, 127, seed))
        response = engine.search(templates, crops(items, 255, seed), params_)
        cells = np.array(cells_of(response, params_))
        assert np.array_equal(cells, response.maps.answer.cells), "the guess is the choice"
        masks = engine.refine(response, cells[:, 0], cells[:, 1]).values
        expected, expected_masks = eager_answer(items, seed, cells)
        score, box, mask = BOUNDS[precision]
        assert np.abs(np.array(response.score) - np.array(expected.score)).max() < score
        assert np.abs(np.array(response.box) - np.array(expected.box)).max() < box
        assert np.abs(masks - expected_masks).max() < mask


def test_another_cell_than_guessed_gets_its_own_mask() -> None:
    engine, cells = compiled_engine(), np.array([[0, 24], [24, 3]])
    response = engine.search(engine.template(crops(2, 127)), crops(2, 255), params(2))
    engine.search(engine.template(crops(2, 127, 1)), crops(2, 255, 1), params(2))
    masks = engine.refine(response, cells[:, 0], cells[:, 1]).values
    _, expected = eager_answer(2, 0, cells)
    assert np.abs(masks - expected).max() < BOUNDS["fp32"][2]


@pytest.mark.parametrize("precision", BOUNDS)
def test_nothing_waits_for_the_host_between_crops_and_masks(precision: str) -> None:
    engine = compiled_engine(precision)
    templates = engine.template(crops(1, 127))
    engine.search(templates, crops(1, 255), params(1))
    program = engine.program(1, 255, templates[0])
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        program.launch()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    program.wait()


def test_a_graph_is_captured_once_a_size() -> None:
    engine = compiled_engine()
    (template,) = engine.template(crops(1, 127))
    programs = [engine.program(items, 255, template) for items in (1, 3, 4, 1)]
    assert programs[0] is programs[3] is not programs[1]
    assert programs[1] is programs[2]


def test_a_frame_that_fails_is_an_engine_error_and_the_next_one_works() -> None:
    engine = compiled_engine()
    templates = engine.template(crops(1, 127))
    with pytest.raises(EngineError, match="failed on this frame"):
        engine.search(templates, crops(1, 31))
    assert np.isfinite(engine.search(templates, crops(1, 255)).score).all()
