"""Half precision is taken by 'auto' on a GPU only where it answers as single precision does."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from support.engine_inputs import LITE
from support.random_network import lively_network, random_weights

from siammask_ros.engines import cuda_devices, half_precision, registry, torch_engines
from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.half_precision import disagreement, with_precision
from siammask_ros.engines.registry import EngineConfig, choose_engine
from siammask_ros.model.siammask import SiamMask

CPU = torch.device("cpu")
INFO = EngineInfo("compiled", "cuda", "auto", "none", "0" * 64, "auto: a CUDA device is there")


def overflowing() -> SiamMask:
    """A network whose values leave the range of fp16, and not that of bf16."""
    network = lively_network(LITE)
    with torch.no_grad():
        network.features.narrow[1].weight.mul_(1e6)
        network.features.narrow[1].bias.mul_(1e6)
    return network


def test_the_shipped_weights_agree_in_what_auto_tries_first() -> None:
    choice = choose_engine(EngineConfig(engine="eager", device="cpu"))
    network = half_precision_network(choice)
    assert disagreement(network, CPU, "fp16") == ""


def half_precision_network(choice: registry.EngineChoice) -> SiamMask:
    network, _ = torch_engines.load_network(choice.weights_path, "lite", choice.info.sha256)
    return network


def test_a_network_that_overflows_is_told_by_what_differs() -> None:
    told = disagreement(overflowing(), CPU, "fp16")
    assert "differs by" in told
    assert "nan" in told


@pytest.mark.parametrize(
    ("capability", "refused", "expected"),
    [
        ((9, 0), {}, "fp16"),
        ((9, 0), {"fp16": "score differs by 0.300"}, "bf16"),
        ((7, 5), {}, "fp16"),
        ((7, 5), {"fp16": "score differs by 0.300"}, "fp32"),
        ((6, 1), {}, "fp32"),
        ((9, 0), {"fp16": "box differs", "bf16": "mask differs"}, "fp32"),
    ],
    ids=str,
)
def test_auto_takes_what_the_gpu_is_fast_in_and_agrees(
    capability: tuple[int, int],
    refused: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(
        half_precision, "disagreement", lambda network, device, name: refused.get(name, "")
    )
    chosen = with_precision(lively_network(LITE), torch.device("cuda"), INFO)
    assert chosen.precision == expected
    assert chosen.reason.startswith(INFO.reason)
    for name, why in refused.items():
        assert f"no {name}: {why}" in chosen.reason
    asked = replace(INFO, precision="fp32")
    assert with_precision(lively_network(LITE), torch.device("cuda"), asked) is asked


def test_what_was_chosen_is_in_the_engines_info_and_in_the_log(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    monkeypatch.setattr(cuda_devices, "has_driver", lambda: True)
    monkeypatch.setattr(cuda_devices, "obstacle_to", lambda device: "")
    monkeypatch.setattr(half_precision, "disagreement", lambda *parts: "")
    opened: list[EngineInfo] = []
    monkeypatch.setattr(torch_engines, "open_compiled", lambda *parts: opened.append(parts[2]))
    weights = str(random_weights(tmp_path_factory.mktemp("weights")))
    with caplog.at_level(logging.INFO):
        registry.open_engine(EngineConfig(checkpoint=weights))
    assert [info.precision for info in opened] == ["fp16"]
    assert "in fp16: auto: a CUDA device is there; fp16: agrees with fp32 here" in caplog.text
