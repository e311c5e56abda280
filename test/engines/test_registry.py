"""Which engine is opened where, and what is said when one cannot be (fault C5)."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from support.random_network import random_weights

from siammask_ros.engines import cuda_devices, half_precision, registry, torch_engines
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.registry import EngineConfig, list_engines, open_engine
from siammask_ros.errors import CheckpointError, ConfigError, EngineError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.model.weights_file import SHIPPED

EAGER_CPU: dict[str, Any] = {"engine": "eager", "device": "cpu"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(random_weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_devices, "has_driver", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def with_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_devices, "has_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80"])
    monkeypatch.setattr(cuda_devices, "failure_of_a_kernel", lambda device: "")
    monkeypatch.setattr(half_precision, "disagreement", lambda *parts: "")


@pytest.fixture
def before_ampere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> importlib.machinery.ModuleSpec | None:
        return None if name == "openvino" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.fixture
def with_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino_rt = pytest.importorskip("siammask_ros.engines.openvino_rt")
    monkeypatch.setattr(openvino_rt, "has_native_bf16", lambda: True)


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino_rt = pytest.importorskip("siammask_ros.engines.openvino_rt")
    monkeypatch.setattr(openvino_rt, "has_native_bf16", lambda: False)


def test_the_defaults_ask_for_the_shipped_lite_on_whatever_is_there() -> None:
    config = EngineConfig()
    assert (config.model, config.checkpoint, config.device) == ("lite", "", "auto")
    assert (config.engine, config.precision, config.threads) == ("auto", "auto", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "huge"),
        ("model", 3),
        ("engine", "tensorrt"),
        ("engine", ""),
        ("precision", "int4"),
        ("device", ""),
        ("device", "tpu"),
        ("device", "cuda:"),
        ("device", "cuda:x"),
        ("device", "cuda:-1"),
        ("device", "cuda:99999999999"),
        ("device", None),
        ("threads", -1),
        ("threads", 1025),
        ("threads", 1.0),
        ("checkpoint", None),
    ],
    ids=str,
)
def test_c5_an_unknown_name_or_value_is_refused_by_field_and_value(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        EngineConfig(**{name: value})
    assert str(error.value).startswith(f"{name} is {value!r}; expected ")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_known_devices_are_taken(device: str) -> None:
    assert EngineConfig(device=device).device == device


@pytest.mark.usefixtures("without_cuda")
def test_auto_takes_openvino_on_a_cpu_and_says_why(
    weights: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    openvino_rt = pytest.importorskip("siammask_ros.engines.openvino_rt")
    asked = []
    monkeypatch.setattr(openvino_rt, "OpenVinoEngine", lambda *parts: asked.append(parts))
    with caplog.at_level(logging.INFO, registry.__name__):
        open_engine(EngineConfig(checkpoint=weights, threads=2))
    ((source, info, threads),) = asked
    assert (source.variant.name, threads) == ("lite", 2)
    assert (info.engine, info.device) == ("openvino", "cpu")
    told = "auto: no CUDA device; OpenVINO is installed and faster than PyTorch"
    assert info.reason.startswith(told)
    assert info.reason in caplog.text
    assert read_checkpoint(weights).sha256 in caplog.text


@pytest.mark.usefixtures("without_cuda")
@pytest.mark.parametrize(
    ("native", "wanted", "expected"),
    [(True, "auto", "bf16"), (False, "auto", "fp32"), (True, "fp32", "fp32")],
    ids=["the CPU has it", "the CPU lacks it", "asked for fp32"],
)
def test_auto_takes_bf16_for_lite_where_the_cpu_has_it_and_says_so(
    weights: str, monkeypatch: pytest.MonkeyPatch, native: bool, wanted: str, expected: str
) -> None:
    openvino_rt = pytest.importorskip("siammask_ros.engines.openvino_rt")
    monkeypatch.setattr(openvino_rt, "has_native_bf16", lambda: native)
    info = open_engine(EngineConfig(checkpoint=weights, engine="openvino", precision=wanted)).info
    assert info.precision == expected
    assert ("bf16" in info.reason) == (expected == "bf16")


@pytest.mark.usefixtures("without_cuda", "without_openvino")
def test_auto_takes_pytorch_where_openvino_is_missing_and_says_why(weights: str) -> None:
    engine = open_engine(EngineConfig(checkpoint=weights))
    assert isinstance(engine, EagerEngine)
    assert engine.info.reason == "auto: no CUDA device, and OpenVINO is not installed"


@pytest.mark.usefixtures("with_two_gpus")
@pytest.mark.parametrize(("wanted", "opened"), [("auto", "cuda"), ("cuda:1", "cuda:1")])
def test_auto_takes_the_compiled_engine_on_a_gpu_and_says_why(
    weights: str, monkeypatch: pytest.MonkeyPatch, wanted: str, opened: str
) -> None:
    asked = []
    monkeypatch.setattr(torch_engines, "open_compiled", lambda *parts: asked.append(parts))
    open_engine(EngineConfig(checkpoint=weights, device=wanted))
    ((network, device, info),) = asked
    assert device == torch.device(opened)
    assert network.variant.name == "lite"
    assert info.engine == "compiled"
    assert info.reason == "auto: a CUDA device is there; fp16: agrees with fp32 here"
    assert info.precision == "fp16"


def test_an_engine_asked_for_says_so(weights: str) -> None:
    engine = open_engine(EngineConfig(checkpoint=weights, **EAGER_CPU))
    assert engine.info.reason == "as asked for"
    assert (engine.info.engine, engine.info.device, engine.info.precision) == (
        "eager",
        "cpu",
        "fp32",
    )
    assert engine.info.checkpoint == weights
    assert engine.info.sha256 == read_checkpoint(weights).sha256
    assert engine.variant.name == "lite"


@pytest.mark.usefixtures("without_cuda")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_c5_a_missing_gpu_is_an_error_not_a_silent_cpu(
    weights: str, device: str, engine: str
) -> None:
    with pytest.raises(EngineError, match=f"device {device} is not there") as error:
        open_engine(EngineConfig(checkpoint=weights, device=device, engine=engine))
    assert "sees 0 CUDA devices; take device cpu, or install" in str(error.value)
    assert open_engine(EngineConfig(checkpoint=weights, **EAGER_CPU))


@pytest.mark.usefixtures("with_two_gpus")
def test_c5_a_gpu_beyond_the_last_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"device cuda:2 is not there.* sees 2 CUDA"):
        open_engine(EngineConfig(device="cuda:2"))


@pytest.mark.usefixtures("without_cuda", "without_openvino")
def test_c5_a_missing_library_says_what_to_install(weights: str) -> None:
    with pytest.raises(EngineError, match="openvino is not installed; run: pip install openvino"):
        open_engine(EngineConfig(checkpoint=weights, engine="openvino"))


@pytest.mark.usefixtures("with_two_gpus")
def test_c5_openvino_on_a_gpu_is_refused() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    with pytest.raises(EngineError, match="openvino runs on the CPU, not on cuda; take compiled"):
        open_engine(EngineConfig(engine="openvino"))


def test_c5_an_arithmetic_that_an_engine_lacks_is_refused(weights: str) -> None:
    with pytest.raises(EngineError, match="eager engine has no bf16 on cpu; expected fp32"):
        open_engine(EngineConfig(checkpoint=weights, precision="bf16", **EAGER_CPU))


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_c5_fp16_is_for_gpus(weights: str, engine: str) -> None:
    config = EngineConfig(checkpoint=weights, engine=engine, device="cpu", precision="fp16")
    with pytest.raises(EngineError, match=f"{engine} engine has no fp16 on cpu"):
        open_engine(config)


@pytest.mark.usefixtures("without_cuda", "without_bf16")
def test_bf16_is_refused_where_openvino_would_take_fp32_instead(weights: str) -> None:
    config = EngineConfig(checkpoint=weights, engine="openvino", precision="bf16")
    with pytest.raises(EngineError, match="openvino engine has no bf16 on cpu; expected fp32"):
        open_engine(config)


@pytest.mark.usefixtures("with_two_gpus")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_compiled_engine_opens_in_what_is_asked_for(
    weights: str, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    asked = []
    monkeypatch.setattr(torch_engines, "open_compiled", lambda *parts: asked.append(parts[2]))
    open_engine(EngineConfig(checkpoint=weights, engine="compiled", precision=precision))
    assert [(info.engine, info.precision) for info in asked] == [("compiled", precision)]


@pytest.mark.usefixtures("with_two_gpus", "before_ampere")
def test_bf16_is_refused_on_a_gpu_that_would_only_imitate_it(weights: str) -> None:
    with pytest.raises(EngineError, match=r"no bf16 on cuda; expected fp16 or fp32"):
        open_engine(EngineConfig(checkpoint=weights, device="cuda", precision="bf16"))


OPENVINO, EAGER = [("openvino", "fp32")], [("eager", "fp32")]
COMPILED = [("compiled", "fp16"), ("compiled", "bf16"), ("compiled", "fp32")]
OFFERS = {
    "a CPU": (["without_cuda", "without_bf16"], OPENVINO + EAGER),
    "a CPU with bf16": (["without_cuda", "with_bf16"], [*OPENVINO, ("openvino", "bf16"), *EAGER]),
    "a CPU without OpenVINO": (["without_cuda", "without_openvino"], EAGER),
    "a GPU": (["with_two_gpus"], COMPILED + EAGER),
    "a GPU before Ampere": (
        ["with_two_gpus", "before_ampere"],
        [pair for pair in COMPILED if pair[1] != "bf16"] + EAGER,
    ),
}


@pytest.mark.parametrize(("machine", "pairs"), OFFERS.values(), ids=OFFERS)
def test_only_what_a_machine_can_run_is_offered(
    machine: list[str], pairs: list[tuple[str, str]], request: pytest.FixtureRequest
) -> None:
    if pairs[0] == OPENVINO[0]:
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    for fixture in machine:
        request.getfixturevalue(fixture)
    # Optional, and last wherever it is installed.
    assert [pair for pair in list_engines() if pair[0] != "onnxruntime"] == pairs


@pytest.mark.usefixtures("without_cuda")
def test_a_device_that_is_not_there_offers_nothing() -> None:
    with pytest.raises(EngineError, match="device cuda is not there"):
        list_engines("cuda")


def test_d6_weights_with_another_hash_are_refused(weights: str) -> None:
    good = read_checkpoint(weights).sha256
    with pytest.raises(CheckpointError, match="expected 0000"):
        open_engine(EngineConfig(checkpoint=weights, expected_sha256="0" * 64, **EAGER_CPU))
    assert open_engine(EngineConfig(checkpoint=weights, expected_sha256=good, **EAGER_CPU))


def test_d1_missing_weights_are_refused_and_open_once_they_are_there(tmp_path: Path) -> None:
    path = tmp_path / "random_0.safetensors"
    with pytest.raises(CheckpointError, match=f"{path} cannot be read"):
        open_engine(EngineConfig(checkpoint=str(path), **EAGER_CPU))
    random_weights(tmp_path)
    assert open_engine(EngineConfig(checkpoint=str(path), **EAGER_CPU))


def test_threads_are_set_where_asked_for(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    open_engine(EngineConfig(checkpoint=weights, **EAGER_CPU))
    open_engine(EngineConfig(checkpoint=weights, threads=2, **EAGER_CPU))
    assert asked == [2]


def test_the_shipped_weights_open() -> None:
    if not SHIPPED["lite"].exists():
        pytest.skip(f"{SHIPPED['lite'].name} is not in this checkout")
    assert SHIPPED["lite"].stat().st_size <= 15e6
    engine = open_engine(EngineConfig(**EAGER_CPU))
    assert engine.info.checkpoint == "shipped lite"
