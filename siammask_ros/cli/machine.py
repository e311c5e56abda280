"""Describes the machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp")
_NO_GPU = "none that PyTorch can use; with one, the same command also measures it"
_PACKAGES = ("torch", "openvino", "onnxruntime", "numpy", "opencv-python-headless")


def machine(device: str) -> dict[str, str]:
    """Return device, processor, memory, system, versions and load as readable text."""
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name, flags = _cpu()
    cpu = f"{name}, {cores} cores"
    accelerator = _accelerator(device)
    # The suffix that a distribution adds does not matter for speed.
    kernel = platform.release().partition("-")[0]
    return {
        "device": accelerator or cpu,
        **({} if torch.cuda.is_available() else {"gpu": _NO_GPU}),
        "cpu": f"{cpu} ({', '.join(flags) or 'no vector extensions known'}), {memory_gb:.0f} GB",
        "load at the start": f"{os.getloadavg()[0]:.1f} (1 min average)",
        "system": f"{platform.system()} {kernel}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in _PACKAGES),
    }


def _accelerator(device: str) -> str:
    """Return the name of the CUDA device that ``device`` selects; '' for the CPU."""
    if device == "cpu" or not torch.cuda.is_available():
        return ""
    index = int(device.partition(":")[2] or torch.cuda.current_device())
    if index >= torch.cuda.device_count():
        return ""
    return f"{torch.cuda.get_device_name(index)}, CUDA {torch.version.cuda}"


def _cpu() -> tuple[str, list[str]]:
    """Return the processor's name and which of the vector extensions in _FLAGS it has."""
    try:
        lines = _CPU.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine(), []
    pairs = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    has = pairs.get("flags", pairs.get("Features", "")).split()
    return pairs.get("model name", platform.machine()), [flag for flag in _FLAGS if flag in has]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
