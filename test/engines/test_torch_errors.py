"""Rows C3 and C4 where they begin: what torch raises, told apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from siammask_ros.engines.eager import torch_errors_told
from siammask_ros.errors import EngineError, EngineLostError, EngineMemoryError

CUDA = torch.device("cuda")


def fail_with(error: Exception, device: torch.device | None = None) -> None:
    with torch_errors_told(device):
        raise error


def _fine(device: Any) -> None:
    pass


def _sticks(device: Any) -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def test_c3_too_little_memory_is_told_apart() -> None:
    with pytest.raises(EngineMemoryError, match="ran out of memory on this frame: 2 GiB"):
        fail_with(torch.cuda.OutOfMemoryError("2 GiB"))


def test_c4_an_error_that_the_device_repeats_is_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", _sticks)
    with pytest.raises(EngineLostError, match="cuda refuses everything since: an illegal access"):
        fail_with(RuntimeError("an illegal access"), CUDA)


def test_c4_an_error_that_the_device_does_not_repeat_costs_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", _fine)
    with pytest.raises(EngineError, match="failed on this frame") as caught:
        fail_with(RuntimeError("sizes differ"), CUDA)
    assert type(caught.value) is EngineError


@pytest.mark.parametrize("device", [None, torch.device("cpu")], ids=str)
def test_c4_a_cpu_is_never_lost(
    device: torch.device | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", _sticks)
    with pytest.raises(EngineError) as caught:
        fail_with(RuntimeError("sizes differ"), device)
    assert type(caught.value) is EngineError
