"""What a benchmark was run on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp")
_NO_GPU = "none that PyTorch can use; where there is one, the same command measures it"
_PACKAGES = ("torch", "openvino", "onnxruntime", "numpy", "opencv-python-headless")


def machine(device: str) -> dict[str, str]:
    """Device, processor, memory, system, versions and load, each in words for people."""
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name, flags = _cpu()
    cpu = f"{name}, {cores} cores"
    accelerator = _accelerator(device)
    # What a distribution adds to the version says nothing of speed.
    kernel = platform.release().partition("-")[0]
    return {
        "device": accelerator or cpu,
        **({} if torch.cuda.is_available() else {"gpu": _NO_GPU}),
        "cpu": f"{cpu} ({', '.join(flags) or 'no vector extensions known'}), {memory_gb:.0f} GB",
        "load at the start": f"{os.getloadavg()[0]:.1f} (programs that wanted a core, 1 min)",
        "system": f"{platform.system()} {kernel}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in _PACKAGES),
    }


def _accelerator(device: str) -> str:
    """The CUDA device that ``device`` means, or nothing."""
    if device == "cpu" or not torch.cuda.is_available():
        return ""
    index = int(device.partition(":")[2] or torch.cuda.current_device())
    if index >= torch.cuda.device_count():
        return ""
    return f"{torch.cuda.get_device_name(index)}, CUDA {torch.version.cuda}"


def _cpu() -> tuple[str, list[str]]:
    """The processor's name, and which of the extensions that matter here it has."""
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
