"""The golden numbers where the shared data are; without them a skip that names what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siammask_ros.errors import DataError
from siammask_ros.training.datasets import DATA_VARIABLE, data_root

WEIGHTS = "siammask_resnet50_test_weights_int8.npz"


def golden_file(name: str) -> Path:
    """The path of a golden file."""
    try:
        path = data_root() / "golden" / name
    except DataError:
        path = None
    if path is None or not path.exists():
        pytest.skip(f"golden/{name} is missing: set {DATA_VARIABLE} to the folder above golden/")
    return path


def golden_arrays(name: str) -> dict[str, np.ndarray]:
    """The arrays of a golden file by name."""
    with np.load(golden_file(name)) as file:
        return dict(file)


def golden_weights() -> dict[str, torch.Tensor]:
    """The test weights under the authors' names: int8 times the scale of its output channel."""
    stored = golden_arrays(WEIGHTS)
    tensors = {}
    for name, value in stored.items():
        if name.endswith(".scale"):
            continue
        scale = stored.get(f"{name}.scale")
        if scale is not None:
            value = value.astype(np.float32) * scale[:, None, None, None]
        tensors[name] = torch.from_numpy(value)
    return tensors
