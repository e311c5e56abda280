"""A GPU is taken only where PyTorch can compute on it; else the reason is told (row C5)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from siammask_ros.engines import cuda_devices
from siammask_ros.engines.cuda_devices import find_device
from siammask_ros.errors import EngineError

WHEELS = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One H200, by what PyTorch says of it."""
    monkeypatch.setattr(cuda_devices, "has_driver", lambda: True)
    monkeypatch.setattr(cuda_devices, "failure_of_a_kernel", lambda device: "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: WHEELS)
    return monkeypatch


@pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:0"])
def test_a_gpu_that_works_is_taken(wanted: str, gpu: pytest.MonkeyPatch) -> None:
    assert find_device(wanted) == ("cuda" if wanted == "auto" else wanted, "")


@pytest.mark.parametrize(
    ("capability", "built_for", "fits"),
    [
        ((9, 0), WHEELS, True),
        ((8, 9), WHEELS, True),
        ((7, 5), WHEELS, True),
        ((7, 2), WHEELS, False),
        ((6, 1), WHEELS, False),
        ((8, 7), ["sm_80"], True),
        ((8, 7), ["sm_90"], False),
        ((12, 1), ["sm_90", "compute_90"], True),
        ((9, 0), ["sm_90a"], True),
        ((9, 4), ["gfx942"], True),
        ((9, 0), [], True),
    ],
    ids=str,
)
def test_c5_auto_takes_no_gpu_that_pytorch_has_no_kernels_for(
    capability: tuple[int, int], built_for: list[str], fits: bool, gpu: pytest.MonkeyPatch
) -> None:
    gpu.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    gpu.setattr(torch.cuda, "get_arch_list", lambda: built_for)
    device, why = find_device("auto")
    assert device == ("cuda" if fits else "cpu")
    if not fits:
        assert f"compute capability {capability[0]}.{capability[1]}" in why
        assert ", ".join(built_for) in why
        with pytest.raises(EngineError, match=r"has no kernels .* take device cpu, or install"):
            find_device("cuda")


def test_c5_a_gpu_that_fails_at_its_first_kernel_is_not_taken_and_the_driver_named(
    gpu: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May 2\n")
    gpu.setattr(cuda_devices, "_NVIDIA_VERSION", version)
    gpu.setattr(cuda_devices, "failure_of_a_kernel", lambda device: "no kernel image")
    device, why = find_device("auto")
    assert device == "cpu"
    assert "failed at its first kernel, the driver is 470.256.02: no kernel image" in why
    with pytest.raises(EngineError, match="no kernel image"):
        find_device("cuda:0")


def test_c5_a_driver_that_pytorch_does_not_take_is_named(
    gpu: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May 2\n")
    gpu.setattr(cuda_devices, "_NVIDIA_VERSION", version)
    gpu.setattr(torch.cuda, "is_available", lambda: False)
    device, why = find_device("auto")
    assert device == "cpu"
    assert "sees 0 CUDA devices, the driver is 470.256.02" in why


def test_the_first_kernel_is_really_computed() -> None:
    assert cuda_devices.failure_of_a_kernel("cpu") == ""
    if not torch.cuda.is_available():
        assert cuda_devices.failure_of_a_kernel("cuda")
