"""onnxruntime gives what plain PyTorch gives, and says what is missing where it cannot (C5)."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from engines.test_engines import INFO, LITE, NETWORKS, answer, assert_agree, crops, eager_engine
from support.random_network import lively_network, source_of

from siammask_ros.engines.base import Engine
from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.errors import EngineError
from siammask_ros.model.variants import Variant


def onnx_engine(variant: Variant) -> Engine:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    from siammask_ros.engines.onnx_rt import OnnxEngine

    return OnnxEngine(source_of(lively_network(variant)), INFO, threads=0)


@pytest.fixture(scope="module")
def onnx() -> Engine:
    return onnx_engine(LITE)


@pytest.mark.parametrize("items", [1, 3])
def test_c9_onnxruntime_agrees_with_pytorch(onnx: Engine, items: int) -> None:
    assert_agree(answer(onnx, items), answer(eager_engine(LITE), items))


@pytest.mark.parametrize("name", ["coarse", "box only"])
def test_c9_onnxruntime_agrees_for_networks_without_refinement(name: str) -> None:
    variant = NETWORKS[name]
    assert_agree(answer(onnx_engine(variant), 1), answer(eager_engine(variant), 1))


def test_c9_a_crowds_smaller_crops_are_answered_as_by_pytorch(onnx: Engine) -> None:
    sides_px = [159, 255]
    searches = [crops(1, side)[0] for side in sides_px]
    rows, columns = np.array([6, 24]), np.array([12, 3])
    answers = []
    for engine in (onnx, eager_engine(LITE)):
        response = engine.search(engine.template(crops(2, 127)), searches)
        answers.append((response, engine.refine(response, rows, columns).values))
    assert_agree(*answers)


def test_a_later_frame_does_not_overwrite_an_answer(onnx: Engine) -> None:
    response, masks = answer(onnx, 1)
    score = np.array(response.score)
    answer(onnx, 3, seed=7)
    assert np.array_equal(response.score, score)
    cell = np.array([12])
    assert np.array_equal(onnx.refine(response, cell, cell).values, masks)


def test_c5_an_inference_that_fails_is_an_engine_error_and_the_next_one_works(
    onnx: Engine,
) -> None:
    with pytest.raises(EngineError, match="failed on this frame"):
        onnx.search(onnx.template(crops(1, 127)), crops(1, 31))
    response, _ = answer(onnx, 1)
    assert np.isfinite(response.score).all()


def test_the_best_provider_that_is_installed_is_taken_and_named(onnx: Engine) -> None:
    import onnxruntime

    from siammask_ros.engines.onnx_rt import PROVIDERS

    installed = onnxruntime.get_available_providers()
    best = next(name for name in PROVIDERS["cpu"] if name in installed)
    assert onnx.info.reason.endswith(f"by onnxruntime's {best}")


def test_a_provider_whose_libraries_are_missing_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_providers(monkeypatch, "TensorrtExecutionProvider", "CPUExecutionProvider")
    assert "CPUExecutionProvider" in onnx_engine(LITE).info.reason


def test_c5_a_gpu_whose_providers_all_lack_their_libraries_is_an_error_not_a_silent_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_providers(monkeypatch, "TensorrtExecutionProvider", "CUDAExecutionProvider")
    with pytest.raises(EngineError, match="could not open cpu: CUDA or cuDNN does not fit"):
        onnx_engine(LITE)


def use_providers(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let onnxruntime claim these providers, of which this machine has only the CPU's."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from siammask_ros.engines import onnx_rt

    monkeypatch.setattr(onnx_rt, "PROVIDERS", {"cpu": names})
    monkeypatch.setattr(onnx_rt.ort, "get_available_providers", lambda: list(names))


def test_c5_a_missing_onnxruntime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name.startswith("onnx") else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(EngineError, match="not installed; run: pip install onnx onnxruntime"):
        open_engine(EngineConfig(engine="onnxruntime", device="cpu"))


def test_c5_a_build_without_cuda_is_an_error_not_a_silent_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.setattr("siammask_ros.engines.cuda_devices.obstacle_to", lambda device: "")
    monkeypatch.setattr("siammask_ros.engines.onnx_rt.has_cuda", lambda: False)
    with pytest.raises(EngineError, match="does not run on cuda; install onnxruntime-gpu"):
        open_engine(EngineConfig(engine="onnxruntime", device="cuda"))
