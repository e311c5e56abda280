"""Every engine gives what plain PyTorch gives, for one target and for several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.engine_inputs import LITE, NETWORKS, crops
from support.random_network import lively_network, source_of
from torch.utils._python_dispatch import TorchDispatchMode

from siammask_ros.engines.base import Engine, EngineInfo, Response
from siammask_ros.engines.compiled import CompiledEngine
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.reference import ReferenceEngine
from siammask_ros.errors import EngineError
from siammask_ros.model.variants import Variant

INFO = EngineInfo("test", "cpu", "fp32", "none", "0" * 64)
# Largest differences of score and mask probability, and of the raw box, whose values reach 2.
SCORE, BOX, MASK = 5e-5, 2e-4, 2e-4


def eager_engine(variant: Variant) -> Engine:
    return EagerEngine(lively_network(variant), torch.device("cpu"), INFO)


def reference_engine(variant: Variant) -> Engine:
    return ReferenceEngine(lively_network(variant), torch.device("cpu"), INFO)


def compiled_engine(variant: Variant) -> Engine:
    """Its frame as it is: compiling it would change nothing but the time."""
    return CompiledEngine(lively_network(variant), torch.device("cpu"), INFO)


def openvino_engine(variant: Variant) -> Engine:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    from siammask_ros.engines.openvino_rt import OpenVinoEngine

    return OpenVinoEngine(source_of(lively_network(variant)), INFO, threads=0)


ENGINES = {
    "eager": eager_engine,
    "reference": reference_engine,
    "compiled": compiled_engine,
    "openvino": openvino_engine,
}


@pytest.fixture(scope="module")
def eager() -> Engine:
    return eager_engine(LITE)


@pytest.fixture(scope="module")
def reference() -> Engine:
    return reference_engine(LITE)


@pytest.fixture(scope="module")
def compiled() -> Engine:
    return compiled_engine(LITE)


@pytest.fixture(scope="module")
def openvino() -> Engine:
    return openvino_engine(LITE)


def answer(
    engine: Engine, items: int, seed: int = 0
) -> tuple[Response, NDArray[np.float32] | None]:
    """The response to random crops, and the masks at a cell for each item."""
    response = engine.search(engine.template(crops(items, 127, seed)), crops(items, 255, seed))
    if not engine.variant.has_mask:
        return response, None
    rows, columns = np.array([12, 0, 24])[:items], np.array([12, 24, 3])[:items]
    return response, engine.refine(response, rows, columns).values


def assert_agree(
    ours: tuple[Response, NDArray[np.float32] | None],
    theirs: tuple[Response, NDArray[np.float32] | None],
) -> None:
    for bound, *pairs in (
        (SCORE, ours[0].score, theirs[0].score),
        (BOX, ours[0].box, theirs[0].box),
    ):
        for mine, other in zip(*pairs, strict=True):
            assert mine.shape == other.shape
            assert np.abs(mine - other).max() < bound
    if ours[1] is not None and theirs[1] is not None:
        assert ours[1].shape == theirs[1].shape
        assert np.abs(ours[1] - theirs[1]).max() < MASK
    assert (ours[1] is None) == (theirs[1] is None)


@pytest.mark.parametrize("items", [1, 3])
def test_an_answers_sizes_and_ranges(eager: Engine, items: int) -> None:
    response, masks = answer(eager, items)
    assert [score.shape for score in response.score] == [(5, 25, 25)] * items
    assert [box.shape for box in response.box] == [(4, 5, 25, 25)] * items
    assert masks is not None and masks.shape == (items, 128, 128)
    for values in (*response.score, *masks):
        assert values.dtype == np.float32
        assert 0 <= values.min() < 0.3 < 0.7 < values.max() <= 1


def test_other_crops_give_another_answer(eager: Engine) -> None:
    """Else any two engines would agree."""
    one, one_mask = answer(eager, 1, seed=0)
    other, other_mask = answer(eager, 1, seed=1)
    assert np.abs(one.score[0] - other.score[0]).max() > 100 * SCORE
    assert np.abs(one.box[0] - other.box[0]).max() > 100 * BOX
    assert one_mask is not None and other_mask is not None
    assert np.abs(one_mask - other_mask).max() > 100 * MASK


@pytest.mark.parametrize("items", [1, 3])
def test_c9_openvino_agrees_with_pytorch(eager: Engine, openvino: Engine, items: int) -> None:
    assert_agree(answer(openvino, items), answer(eager, items))


@pytest.mark.parametrize("name", ["coarse", "box only"])
def test_c9_openvino_agrees_for_networks_without_refinement(name: str) -> None:
    variant = NETWORKS[name]
    assert_agree(answer(openvino_engine(variant), 1), answer(eager_engine(variant), 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_what_the_reference_computes_again_changes_nothing(name: str) -> None:
    ours, theirs = (answer(make(NETWORKS[name]), 2) for make in (reference_engine, eager_engine))
    assert np.array_equal(ours[0].score, theirs[0].score)
    assert np.array_equal(ours[0].box, theirs[0].box)
    assert (ours[1] is None) == (theirs[1] is None)
    assert ours[1] is None or np.array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("name", ENGINES)
def test_targets_of_a_batch_are_answered_apart(name: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(name)
    templates, searches = engine.template(crops(3, 127)), crops(3, 255)
    together = engine.search(templates, searches)
    swapped = engine.search([templates[k] for k in (2, 0, 1)], searches[[2, 0, 1]])
    for place, k in enumerate((2, 0, 1)):
        assert np.abs(together.score[k] - swapped.score[place]).max() < SCORE
        assert np.abs(together.box[k] - swapped.box[place]).max() < BOX
    alone = engine.search(templates[1:2], searches[1:2])
    assert np.abs(together.score[1] - alone.score[0]).max() < SCORE


@pytest.mark.parametrize("name", ENGINES)
def test_an_answer_does_not_depend_on_the_ones_before(
    name: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(name)
    first, first_mask = answer(engine, 1)
    score, box = np.array(first.score), np.array(first.box)
    answer(engine, 3, seed=7)
    again, again_mask = answer(engine, 1)
    assert np.array_equal(score, again.score)
    assert np.array_equal(box, again.box)
    assert np.array_equal(first_mask, again_mask)
    # What was handed out is not overwritten by later frames.
    assert np.array_equal(first.score, score)


@pytest.mark.parametrize("name", ENGINES)
def test_a_mask_is_that_of_its_own_frame_although_another_was_searched_since(
    name: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(name)
    cell = np.array([12])
    response, expected = answer(engine, 1)
    expected = np.array(expected)
    answer(engine, 1, seed=7)
    assert np.array_equal(engine.refine(response, cell, cell).values, expected)


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize("call", ["template", "search"])
@pytest.mark.parametrize("name", ENGINES)
def test_an_inference_that_fails_is_an_engine_error_and_the_next_one_works(
    name: str, call: str, items: int, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(name)
    with pytest.raises(EngineError, match="failed on this frame"):
        if call == "template":
            engine.search(engine.template(crops(items, 5)), crops(items, 255))
        else:
            engine.search(engine.template(crops(items, 127)), crops(items, 31))
    response, _ = answer(engine, items)
    assert np.isfinite(response.score).all()


@pytest.mark.parametrize("name", ENGINES)
def test_c9_crops_of_two_sizes_in_one_frame_are_answered_as_by_the_reference(
    name: str, request: pytest.FixtureRequest, reference: Engine
) -> None:
    engine: Engine = request.getfixturevalue(name)
    sides_px = [159, 255, 159]
    searches = [crops(1, side, seed)[0] for seed, side in enumerate(sides_px)]
    rows, columns = np.array([6, 24, 0]), np.array([12, 3, 6])
    response = engine.search(engine.template(crops(3, 127)), searches)
    masks = engine.refine(response, rows, columns)
    assert [score.shape[1] for score in response.score] == [13, 25, 13]
    for k, template in enumerate(reference.template(crops(3, 127))):
        alone = reference.search([template], [searches[k]])
        mask = reference.refine(alone, rows[[k]], columns[[k]])
        assert np.abs(response.score[k] - alone.score[0]).max() < SCORE
        assert np.abs(response.box[k] - alone.box[0]).max() < BOX
        assert np.abs(masks.values[k] - mask.values[0]).max() < MASK


class Arithmetic(TorchDispatchMode):
    """Notes at every convolution whether a GPU would be allowed to compute it in TF32."""

    def __init__(self) -> None:
        super().__init__()
        self.tf32: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "conv" in func.name():
            self.tf32.append(torch.backends.cudnn.allow_tf32)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["eager", "reference", "compiled"])
def test_single_precision_is_never_computed_as_tf32(
    name: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(name)
    allowed = torch.backends.cudnn.allow_tf32
    noted = []
    for call in (
        lambda: engine.template(crops(1, 127)),
        lambda: answer(engine, 1),
    ):
        with Arithmetic() as arithmetic:
            call()
        noted.append(arithmetic.tf32)
    assert all(noted), "each of them computes convolutions"
    assert not any(flag for flags in noted for flag in flags)
    assert torch.backends.cudnn.allow_tf32 == allowed
