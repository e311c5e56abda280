"""Which GPUs there are: PyTorch is asked, and imported, only where a driver is installed."""

from __future__ import annotations

import ctypes
from pathlib import Path

from siammask_ros.errors import EngineError

_NVIDIA_LIBRARY = "libcuda.so.1"
_AMD_DEVICE = Path("/dev/kfd")
# Compute capability: from here on there are bfloat16 and TF32.
_AMPERE = (8, 0)


def has_driver() -> bool:
    """Whether there is a GPU driver that PyTorch could use, NVIDIA's or AMD's."""
    try:
        ctypes.CDLL(_NVIDIA_LIBRARY)
    except OSError:
        return _AMD_DEVICE.exists()
    return True


def found_device(wanted: str) -> str:
    """The device for 'auto', 'cpu', 'cuda' or 'cuda:N'; auto takes a GPU where there is one.

    Raises EngineError where the device asked for is not there.
    """
    if wanted == "cpu" or (wanted == "auto" and not has_driver()):
        return "cpu"
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "cuda" if count else "cpu"
    if int(wanted.partition(":")[2] or 0) >= count:
        raise EngineError(
            f"device {wanted} is not there: PyTorch {torch.__version__} sees {count} CUDA "
            "devices; take device cpu, or install a CUDA build of PyTorch and its driver"
        )
    return wanted


def has_bf16(device: str) -> bool:
    """Whether a GPU computes in bfloat16 itself, as NVIDIA's do from Ampere on."""
    import torch

    return torch.cuda.get_device_capability(device) >= _AMPERE
