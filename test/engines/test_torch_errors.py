"""Rows C3 and C4 where they begin: what torch raises, told apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from siammask_ros.engines.on_device import translate_torch_errors
from siammask_ros.errors import EngineError, EngineLostError, EngineMemoryError

CUDA = torch.device("cuda")


def fail_with(error: Exception, device: torch.device | None = None) -> None:
    with translate_torch_errors(device):
        raise error


def _fine(device: Any) -> None:
    pass


def _sticks(device: Any) -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def test_c3_too_little_memory_is_told_apart() -> None:
    with pytest.raises(EngineMemoryError, match="ran out of memory on this frame: 2 GiB"):
        fail_with(torch.cuda.OutOfMemoryError("2 GiB"))


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_c3_every_librarys_words_for_too_little_memory_are_known(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", _fine)
    with pytest.raises(EngineMemoryError, match="ran out of memory on this frame"):
        fail_with(RuntimeError(words), CUDA)


def test_c3_memory_that_runs_short_in_a_capture_is_told_by_its_first_error() -> None:
    with pytest.raises(EngineMemoryError), translate_torch_errors(CUDA):
        try:
            raise torch.cuda.OutOfMemoryError("2 GiB")
        finally:
            raise RuntimeError("capture was invalidated")


def test_c4_a_failed_capture_that_is_told_once_more_is_no_lost_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [RuntimeError("CUDA error: operation failed due to a previous error during capture")]

    def synchronize(device: Any) -> None:
        if told:
            raise told.pop()

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    with pytest.raises(EngineError, match="failed on this frame") as caught:
        fail_with(RuntimeError("the capture failed"), CUDA)
    assert type(caught.value) is EngineError


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
