"""Which GPUs can be used: PyTorch is asked, and imported, only where a driver is installed."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from siammask_ros.errors import EngineError

_NVIDIA_LIBRARY = "libcuda.so.1"
_NVIDIA_VERSION = Path("/proc/driver/nvidia/version")
_AMD_DEVICE = Path("/dev/kfd")
# Compute capabilities from which a GPU computes in these types as fast as it can.
_FP16, _BF16 = (7, 0), (8, 0)
_NO_GPU = "no CUDA device"


def has_driver() -> bool:
    """Whether there is a GPU driver that PyTorch could use, NVIDIA's or AMD's."""
    try:
        ctypes.CDLL(_NVIDIA_LIBRARY)
    except OSError:
        return _AMD_DEVICE.exists()
    return True


def find_device(wanted: str) -> tuple[str, str]:
    """The device for 'auto', 'cpu', 'cuda' or 'cuda:N', and why it is no GPU where it is none.

    'auto' takes a GPU that PyTorch can compute on. Raises EngineError where the device asked for
    is not there or cannot be used.
    """
    if wanted == "cpu" or (wanted == "auto" and not has_driver()):
        return "cpu", _NO_GPU
    device = "cuda" if wanted == "auto" else wanted
    obstacle = obstacle_to(device)
    if not obstacle:
        return device, ""
    if wanted == "auto":
        return "cpu", obstacle
    raise EngineError(
        f"{obstacle}; take device cpu, or install a CUDA build of PyTorch that fits the GPU, and "
        "its driver"
    )


def obstacle_to(device: str) -> str:
    """Why PyTorch cannot compute on this GPU; empty where it can."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        return (
            f"device {device} is not there: PyTorch {torch.__version__} (CUDA "
            f"{torch.version.cuda or 'not built in'}) sees {count} CUDA devices{_driver()}"
        )
    capability = torch.cuda.get_device_capability(device)
    built_for = torch.cuda.get_arch_list()
    if not _has_kernels(capability, built_for):
        return (
            f"device {device} has compute capability {capability[0]}.{capability[1]}, for which "
            f"PyTorch {torch.__version__} has no kernels (it has {', '.join(built_for)})"
        )
    if failure := failure_of_a_kernel(device):
        return f"device {device} failed at its first kernel{_driver()}: {failure}"
    return ""


def failure_of_a_kernel(device: str) -> str:
    """What the device says to the smallest computation; empty where that succeeds."""
    import torch

    try:
        one = torch.ones(1, device=device)
        return "" if float(one + one) == 2 else "1 + 1 is not 2 there"
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().partition("\n")[0]


def half_precisions(device: str) -> tuple[str, ...]:
    """The half precisions that a GPU computes in faster than in single, the better one first."""
    import torch

    capability = torch.cuda.get_device_capability(device)
    return tuple(name for name, since in (("fp16", _FP16), ("bf16", _BF16)) if capability >= since)


def _has_kernels(capability: tuple[int, int], built_for: list[str]) -> bool:
    """Whether one of these is code for the GPU, or code that its driver can compile for it.

    'sm_86' runs on 8.6 and later ones of 8, 'compute_90' on 9.0 and all later ones. What is not
    named so (AMD's) is taken to fit.
    """
    names = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", name) for name in built_for]
    if None in names or not names:
        return True
    for name in names:
        assert name is not None
        major, minor = int(name[2]), int(name[3])
        is_older = (major, minor) <= capability
        if is_older and (name[1] == "compute" or major == capability[0]):
            return True
    return False


def _driver() -> str:
    """The driver's version in words; empty where there is none."""
    try:
        found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", _NVIDIA_VERSION.read_text())
    except OSError:
        return ""
    return f", the driver is {found[0]}" if found else ""
