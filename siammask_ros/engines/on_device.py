"""What every inference in PyTorch is done in: the arithmetic asked for, and errors told apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from siammask_ros.errors import EngineError, EngineLostError, EngineMemoryError

# How CUDA, cuDNN and cuBLAS say it, which do not go through PyTorch's allocator.
_SHORT_OF_MEMORY = ("out of memory", "STATUS_ALLOC_FAILED")


@contextmanager
def use_device(device: torch.device) -> Iterator[None]:
    """For all that an engine computes: without gradients, exactly, and with errors of ours."""
    with torch.inference_mode(), exact_arithmetic(), translate_torch_errors(device):
        yield


def exact_arithmetic(find_fastest: bool = False) -> AbstractContextManager[None]:
    """Single precision is computed as such, and not as TF32, which keeps 10 bits of 23.

    ``find_fastest`` lets cuDNN measure its algorithms at their first use.
    """
    return torch.backends.cudnn.flags(enabled=True, benchmark=find_fastest, allow_tf32=False)


@contextmanager
def translate_torch_errors(device: torch.device | None = None) -> Iterator[None]:
    """Turns what torch raises on a frame into an EngineError that says what kind it is."""
    try:
        yield
    except RuntimeError as error:
        if _is_short_of_memory(error):
            raise EngineMemoryError(f"PyTorch ran out of memory on this frame: {error}") from error
        if device is not None and _is_lost(device):
            raise EngineLostError(f"{device} refuses everything since: {error}") from error
        raise EngineError(f"PyTorch failed on this frame: {error}") from error


def free_device_memory(device: torch.device) -> None:
    """Gives back what torch keeps of a device's memory for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _is_short_of_memory(error: BaseException | None) -> bool:
    """Whether an error says so, or one that led to it: a failed capture raises a second one."""
    while error is not None:
        said = str(error)
        if isinstance(error, torch.cuda.OutOfMemoryError) or any(
            words in said for words in _SHORT_OF_MEMORY
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_lost(device: torch.device) -> bool:
    """Whether an error sticks: the device raises again although nothing new is asked of it.

    It is asked twice. What failed before, a capture for example, is told once more and is over.
    """
    return device.type == "cuda" and not any(_is_well(device) for _ in range(2))


def _is_well(device: torch.device) -> bool:
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True
