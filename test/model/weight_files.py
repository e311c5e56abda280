"""Files of weights as networks, trainings and attackers leave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

KINDS = ["zip", "legacy", "safetensors"]
SMALL = {"a.weight": torch.arange(36.0).reshape(4, 1, 3, 3), "a.bias": torch.ones(4)}
Tensors = dict[str, torch.Tensor]


def written(path: Path, content: Any, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def training_checkpoint(tensors: Tensors, best_acc: Any) -> dict[str, Any]:
    """What the authors' training writes."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.grad = torch.ones(3)
    optimizer.step()
    return {
        "epoch": 19,
        "arch": "Custom",
        "state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()},
        "best_acc": best_acc,
        "optimizer": optimizer.state_dict(),
        "anchor_cfg": {"stride": 8, "ratios": [0.33, 0.5, 1, 2, 3], "scales": [8]},
    }


def written_bytes(folder: Path, kind: str) -> bytes:
    path = folder / kind
    if kind == "safetensors":
        save_file(SMALL, path)
    else:
        written(path, training_checkpoint(SMALL, np.float64(0.5)), zipped=kind == "zip")
    return path.read_bytes()


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, run: Callable[..., Any], command: Any) -> None:
        self._run = run
        self._command = command

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any]]:
        return self._run, (self._command,)
