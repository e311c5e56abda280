"""The arithmetic that a network is trained in."""

from __future__ import annotations

from pathlib import Path

import torch

from siammask_ros.errors import ConfigError

_CPU_INFO = Path("/proc/cpuinfo")
# What x86 and ARM call it. Other CPUs imitate bfloat16, and take over ten times as long.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def choose_half_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """The half precision to train in on ``device``, None for float32.

    ``auto`` is bfloat16 where the device computes in it itself. Raises ConfigError for what the
    device cannot do.
    """
    if precision == "auto":
        precision = "bf16" if _has_bf16(device) else "fp32"
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError(
            f"precision is 'fp16', which trains on CUDA only, not on {device}; take auto"
        )
    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        return not _BF16_FLAGS.isdisjoint(_CPU_INFO.read_text().split())
    except OSError:
        return False
