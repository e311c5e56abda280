"""The arithmetic of a training: what the device computes in itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from siammask_ros.errors import ConfigError
from siammask_ros.training import precision
from siammask_ros.training.precision import choose_half_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "half"),
    [
        ("flags : fpu avx2 avx512_bf16 sha_ni", torch.bfloat16),
        ("flags : fpu avx2 amx_bf16", torch.bfloat16),
        ("Features : fp asimd bf16 i8mm", torch.bfloat16),
        ("flags : fpu avx2 avx512f", None),
    ],
)
def test_auto_is_bf16_only_where_the_cpu_computes_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, half: torch.dtype | None
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(precision, "_CPU_INFO", cpu_info)
    assert choose_half_precision("auto", CPU) == half
    assert choose_half_precision("bf16", CPU) == torch.bfloat16
    assert choose_half_precision("fp32", CPU) is None


def test_auto_is_fp32_where_nothing_is_known_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "missing")
    assert choose_half_precision("auto", CPU) is None


def test_fp16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match=r"fp16.*CUDA only, not on cpu; take auto"):
        choose_half_precision("fp16", CPU)
