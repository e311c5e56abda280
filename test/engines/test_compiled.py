"""The compiled engine's frame: all but the CUDA graph itself runs on a CPU as on a GPU."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.engine_inputs import LITE, NETWORKS, crops
from support.one_choice import choose
from support.random_network import lively_network

from siammask_ros.engines import compiled
from siammask_ros.engines.base import EngineInfo, Response, SelectionParams
from siammask_ros.engines.compiled import CompiledEngine, open_compiled
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.frame import FrameNetwork, make_queries
from siammask_ros.engines.fusion import choose_memory_format
from siammask_ros.engines.program import Program
from siammask_ros.errors import EngineError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.scoring import AnchorField
from siammask_ros.tracker.tracker import Tracker

CPU = torch.device("cpu")
INFO = EngineInfo("test", "cpu", "fp32", "none", "0" * 64)
CONFIG = PRESETS["lite"]
# Largest differences of score and mask probability, and of the raw box, whose values reach 2.
SCORE, BOX, MASK = 5e-5, 2e-4, 2e-4


def eager_engine(variant: Variant = LITE) -> EagerEngine:
    return EagerEngine(lively_network(variant), CPU, INFO)


def compiled_engine(variant: Variant = LITE) -> CompiledEngine:
    return CompiledEngine(lively_network(variant), CPU, INFO)


@pytest.fixture(scope="module")
def eager() -> EagerEngine:
    return eager_engine()


@pytest.fixture(scope="module")
def ours() -> CompiledEngine:
    return compiled_engine()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of targets of every frame that is computed."""
    found: list[int] = []
    call = Program.__call__

    def counted(program: Program, templates: Sequence[Any], *rest: Any) -> NDArray[np.float32]:
        found.append(len(templates))
        return call(program, templates, *rest)

    monkeypatch.setattr(Program, "__call__", counted)
    return found


def params(items: int) -> SelectionParams:
    sizes = np.random.default_rng(5).uniform(30, 90, (items, 2))
    anchors = AnchorField.of(LITE).sizes
    return SelectionParams(sizes, anchors, CONFIG.penalty_k, CONFIG.window_influence)


def chosen(response: Response, params_: SelectionParams) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns that a tracker chooses."""
    cells = []
    for score, box, (width, height) in zip(
        response.score, response.box, params_.sizes_in_crop, strict=True
    ):
        choice = choose(score, box, (width, height), AnchorField.of(LITE), CONFIG)
        assert choice is not None
        cells.append((choice.row, choice.column))
    rows, columns = np.array(cells).T
    return rows, columns


def assert_agree(ours: Response, theirs: Response) -> None:
    for bound, *pairs in ((SCORE, ours.score, theirs.score), (BOX, ours.box, theirs.box)):
        for mine, other in zip(*pairs, strict=True):
            assert mine.shape == other.shape
            assert np.abs(mine - other).max() < bound


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_c9_the_cell_that_the_tracker_chooses_is_selected_and_agrees_with_pytorch(
    name: str, items: int, runs: list[int]
) -> None:
    engine, plain, params_ = (
        compiled_engine(NETWORKS[name]),
        eager_engine(NETWORKS[name]),
        params(items),
    )
    searches = crops(items, 255)
    response = engine.search(engine.template(crops(items, 127)), searches, params_)
    expected = plain.search(plain.template(crops(items, 127)), searches)
    assert_agree(response, expected)
    rows, columns = chosen(response, params_)
    assert [*zip(rows, columns, strict=True)] == [*map(tuple, response.maps.answer.cells)]
    if not engine.variant.has_mask:
        with pytest.raises(EngineError, match="gives no masks"):
            engine.refine(response, rows, columns)
        return
    masks = engine.refine(response, rows, columns).values
    assert np.abs(masks - plain.refine(expected, rows, columns).values).max() < MASK
    assert runs == [items], "the mask was there with the maps"


def test_a_tracker_costs_a_frame_a_step_and_finds_the_same(
    ours: CompiledEngine, eager: EagerEngine, runs: list[int]
) -> None:
    pictures = crops(4, 400)
    boxes = [RotatedBox(150, 160, 60, 50), RotatedBox(260, 210, 40, 80)]
    trackers = [Tracker(engine, CONFIG) for engine in (ours, eager)]
    states = [tracker.start(pictures[0], boxes) for tracker in trackers]
    for picture in pictures[1:]:
        steps = [
            tracker.step(picture, before) for tracker, before in zip(trackers, states, strict=True)
        ]
        states = [after for _, after in steps]
        for mine, plain in zip(*states, strict=True):
            assert mine.center_in_image == pytest.approx(plain.center_in_image, abs=0.1)
            assert mine.size == pytest.approx(plain.size, rel=1e-2)
    assert runs == [2] * 3


@pytest.mark.parametrize("params_", [params(3), None], ids=["other cells", "no selection"])
def test_another_cell_than_selected_gets_its_own_mask(
    ours: CompiledEngine, eager: EagerEngine, runs: list[int], params_: SelectionParams | None
) -> None:
    rows, columns = np.array([0, 12, 24]), np.array([24, 3, 12])
    response = ours.search(ours.template(crops(3, 127)), crops(3, 255), params_)
    expected = eager.search(eager.template(crops(3, 127)), crops(3, 255))
    # A frame in between takes the buffers.
    ours.search(ours.template(crops(3, 127, 1)), crops(3, 255, 1), params_)
    masks = ours.refine(response, rows, columns).values
    assert np.abs(masks - eager.refine(expected, rows, columns).values).max() < MASK
    assert runs == [3, 3, 3]


def test_a_selection_changes_no_map(ours: CompiledEngine) -> None:
    templates = ours.template(crops(2, 127))
    plain = ours.search(templates, crops(2, 255))
    aimed = ours.search(templates, crops(2, 255), params(2))
    assert np.array_equal(plain.score, aimed.score)
    assert np.array_equal(plain.box, aimed.box)


def test_targets_may_come_go_and_change_their_places(
    ours: CompiledEngine, eager: EagerEngine
) -> None:
    targets, others = ours.template(crops(4, 127)), eager.template(crops(4, 127))
    searches = crops(4, 255)
    for order in ([0, 1, 2, 3], [2, 0, 1], [3], [1, 3], [0, 1, 2, 3], [3, 3, 1]):
        params_ = params(len(order))
        response = ours.search([targets[k] for k in order], searches[order], params_)
        expected = eager.search([others[k] for k in order], searches[order])
        assert_agree(response, expected)
        cells = chosen(response, params_)
        masks = ours.refine(response, *cells).values
        assert np.abs(masks - eager.refine(expected, *cells).values).max() < MASK


def test_kernels_are_copied_only_for_targets_that_are_new(
    ours: CompiledEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets, searches = ours.template(crops(3, 127)), crops(3, 255)
    ours.search(targets, searches)
    copied = []
    program = ours.program(3, 255, targets[0])

    def compute() -> None:
        copied.append(sum(held is old for held, old in zip(program._targets, before, strict=True)))

    monkeypatch.setattr(program, "_compute", compute)
    before = list(program._targets)
    kernels = [kernel.data_ptr() for kernel in program._kernels]
    version = [kernel.sum().item() for kernel in program._kernels]
    ours.search(targets, searches)
    assert copied == [4]
    assert version == [kernel.sum().item() for kernel in program._kernels]
    (new,) = ours.template(crops(1, 127, seed=3))
    ours.search([targets[0], new, targets[2]], searches)
    assert copied == [4, 3]
    assert version != [kernel.sum().item() for kernel in program._kernels]
    assert kernels == [kernel.data_ptr() for kernel in program._kernels]


@pytest.mark.parametrize(
    ("items", "size"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (9, 16), (16, 16)]
)
def test_targets_are_filled_up_to_a_size_that_is_compiled(items: int, size: int) -> None:
    engine = compiled_engine(NETWORKS["box only"])
    (template,) = engine.template(crops(1, 127))
    program = engine.program(items, 255, template)
    assert len(program._targets) == size
    assert engine.program(size, 255, template) is program
    assert engine.program(size, 159, template) is not program


def test_more_targets_than_the_largest_size_go_in_pieces(
    monkeypatch: pytest.MonkeyPatch, runs: list[int], eager: EagerEngine
) -> None:
    monkeypatch.setattr(compiled, "SIZES", (1, 2))
    engine, params_ = compiled_engine(), params(5)
    response = engine.search(engine.template(crops(5, 127)), crops(5, 255), params_)
    assert runs == [2, 2, 1]
    expected = eager.search(eager.template(crops(5, 127)), crops(5, 255))
    assert_agree(response, expected)
    cells = chosen(response, params_)
    difference = engine.refine(response, *cells).values - eager.refine(expected, *cells).values
    assert np.abs(difference).max() < MASK
    assert runs == [2, 2, 1]


def test_half_precision_changes_the_answers_a_little(eager: EagerEngine) -> None:
    engine = CompiledEngine(lively_network(LITE), CPU, replace(INFO, precision="bf16"))
    response = engine.search(engine.template(crops(1, 127)), crops(1, 255), params(1))
    expected = eager.search(eager.template(crops(1, 127)), crops(1, 255))
    for array in (*response.score, *response.box):
        assert array.dtype == np.float32
    # A random network is no calm one: of scores between 0 and 1, none may be another's.
    assert 1e-5 < np.abs(response.score[0] - expected.score[0]).mean() < 0.05
    assert np.corrcoef(response.box[0].ravel(), expected.box[0].ravel())[0, 1] > 0.99


def test_c5_a_cpu_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineError, match=r"needs a C\+\+ compiler on a CPU.* apt install g\+\+"):
        open_compiled(lively_network(LITE), CPU, INFO)


def test_on_a_cpu_the_frame_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(FrameNetwork, "compile", lambda frame, **options: asked.append(options))
    open_compiled(lively_network(LITE), CPU, INFO)
    assert asked == [{"dynamic": False}]
    config = importlib.import_module("torch._dynamo.config")
    # Of every number of targets there is a form for each size of crop.
    assert config.recompile_limit >= 2 * len(compiled.SIZES)


def test_the_frame_is_computed_again_only_for_targets_with_another_cell(
    ours: CompiledEngine, eager: EagerEngine, runs: list[int]
) -> None:
    params_ = params(3)
    response = ours.search(ours.template(crops(3, 127)), crops(3, 255), params_)
    expected = eager.search(eager.template(crops(3, 127)), crops(3, 255))
    rows, columns = chosen(response, params_)
    rows[1] = 24 - rows[1]
    masks = ours.refine(response, rows, columns)
    plain = eager.refine(expected, rows, columns)
    assert runs == [3, 1]
    assert np.abs(masks.values - plain.values).max() < MASK
    assert masks.quality is not None and plain.quality is not None
    assert np.abs(masks.quality - plain.quality).max() < MASK
    again = ours.refine(response, *chosen(response, params_)).values
    assert np.abs(again - eager.refine(expected, *chosen(response, params_)).values).max() < MASK


@pytest.mark.parametrize(
    ("device", "dtype", "layout"),
    [
        ("cuda", torch.float32, torch.contiguous_format),
        ("cuda", torch.float16, torch.channels_last),
        ("cpu", torch.float32, torch.channels_last),
    ],
    ids=str,
)
def test_single_precision_on_a_gpu_keeps_the_plain_layout(
    device: str, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    assert choose_memory_format(torch.device(device), dtype) == layout


def test_a_frame_computes_the_same_in_both_layouts() -> None:
    engine = compiled_engine()
    (template,) = engine.template(crops(1, 127))
    images = torch.from_numpy(crops(1, 255))
    queries = torch.from_numpy(make_queries(LITE, 1, None))
    kernels = [kernel[None] for kernel in template]
    with torch.inference_mode():
        usual = engine.frame(images, queries, *kernels)
        plain = FrameNetwork(
            engine.frame.network.to(memory_format=torch.contiguous_format), torch.contiguous_format
        )
        other = plain(images, queries, *kernels)
    assert torch.allclose(usual, other, atol=1e-3)
