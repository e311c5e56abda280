"""The compiled engine's graph where there is a GPU; the rest of it is tested without one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache

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
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import VARIANTS, Variant
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
SECOND = torch.device("cuda:1")


def network(variant: Variant) -> SiamMask:
    return deepcopy(_network(variant))


@cache
def _network(variant: Variant) -> SiamMask:
    return lively_network(variant)


def compiled_engine(
    precision: str = "fp32", variant: Variant = LITE, device: torch.device = CUDA
) -> CompiledEngine:
    info = replace(INFO, device=str(device), precision=precision)
    return CompiledEngine(network(variant), device, info)


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


def eager_answer(
    items: int, seed: int, cells: NDArray[np.int64], variant: Variant = LITE
) -> tuple[Response, Floats]:
    engine = EagerEngine(network(variant), CUDA, INFO)
    response = engine.search(engine.template(crops(items, 127, seed)), crops(items, 255, seed))
    return response, engine.refine(response, cells[:, 0], cells[:, 1]).values


@pytest.mark.parametrize("items", [1, 3, 8])
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("model", ["lite", "resnet50"])
def test_c9_the_graph_agrees_with_pytorch_frame_after_frame(
    model: str, precision: str, items: int
) -> None:
    variant = VARIANTS[model]
    engine, params_ = compiled_engine(precision, variant), params(items)
    for seed in (0, 1, 0):
        templates = engine.template(crops(items, 127, seed))
        response = engine.search(templates, crops(items, 255, seed), params_)
        cells = np.array(cells_of(response, params_))
        assert np.array_equal(cells, response.maps.answer.cells), (
            "the selected cell is the chosen one"
        )
        masks = engine.refine(response, cells[:, 0], cells[:, 1]).values
        expected, expected_masks = eager_answer(items, seed, cells, variant)
        score, box, mask = BOUNDS[precision]
        assert np.abs(np.array(response.score) - np.array(expected.score)).max() < score
        assert np.abs(np.array(response.box) - np.array(expected.box)).max() < box
        assert np.abs(masks - expected_masks).max() < mask


def test_another_cell_than_selected_gets_its_own_mask() -> None:
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


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is no second CUDA device")
def test_two_devices_in_one_process_answer_each_its_own_frame() -> None:
    engines = [compiled_engine(device=device) for device in (CUDA, SECOND)]
    for seed in (0, 1):
        for engine, number in zip(engines, (seed, seed + 2), strict=True):
            templates = engine.template(crops(2, 127, number))
            response = engine.search(templates, crops(2, 255, number), params(2))
            cells = response.maps.answer.cells
            expected, masks = eager_answer(2, number, cells)
            assert np.abs(np.array(response.score) - np.array(expected.score)).max() < 1e-4
            found = engine.refine(response, cells[:, 0], cells[:, 1]).values
            assert np.abs(found - masks).max() < BOUNDS["fp32"][2]
