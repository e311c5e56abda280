"""Files of weights: what is read, and by which names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model.weight_files import (
    SMALL,
    Tensors,
    training_checkpoint,
    written,
)
from safetensors import safe_open
from safetensors.torch import save_file
from support.random_network import random_network

from siammask_ros.model.checkpoint import load_network, read_checkpoint, save_network


@pytest.fixture(scope="module")
def lite() -> Tensors:
    """The state dict of a random ``lite`` network; tests change a copy."""
    return random_network("lite").state_dict()


def test_saved_weights_come_back(tmp_path: Path) -> None:
    network = random_network("lite")
    path = tmp_path / "new folder" / "lite.safetensors"
    save_network(network, path, {"steps": "3"})

    loaded, sha256 = load_network(path, "lite")

    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not loaded.training
    theirs = loaded.state_dict()
    for name, tensor in network.state_dict().items():
        expected = tensor.half().float() if tensor.ndim == 4 else tensor
        assert torch.equal(theirs[name], expected), name
    with safe_open(path, "pt") as header:
        assert header.metadata() == {"variant": "lite", "steps": "3"}
    assert [entry.name for entry in path.parent.iterdir()] == ["lite.safetensors"]


@pytest.mark.parametrize("prefix", ["", "module."], ids=["bare", "module"])
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in state_dict"])
@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_d4_a_state_dict_is_found_under_any_wrapping(
    tmp_path: Path, prefix: str, nested: bool, zipped: bool
) -> None:
    tensors: dict[str, Any] = {prefix + name: tensor for name, tensor in SMALL.items()}
    content = {"state_dict": tensors, "epoch": 3} if nested else tensors
    read = read_checkpoint(written(tmp_path / "x.pth", content, zipped)).tensors
    assert read.keys() == SMALL.keys()
    assert all(torch.equal(read[name], SMALL[name]) for name in SMALL)


@pytest.mark.parametrize(
    "best_acc",
    [np.float64(0.61), np.float32(0.61), np.int64(3), 0.61],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
def test_d7_a_training_checkpoint_of_the_authors_loads(
    tmp_path: Path, lite: Tensors, best_acc: Any, zipped: bool
) -> None:
    path = written(tmp_path / "checkpoint_e19.pth", training_checkpoint(lite, best_acc), zipped)
    network, _ = load_network(path, "lite")
    assert all(torch.equal(tensor, lite[n]) for n, tensor in network.state_dict().items())


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ""])
def test_the_content_tells_the_format_not_the_ending(tmp_path: Path, ending: str) -> None:
    save_file(SMALL, tmp_path / f"one{ending}")
    written(tmp_path / f"other{ending}", SMALL)
    for name in ("one", "other"):
        assert read_checkpoint(tmp_path / f"{name}{ending}").tensors.keys() == SMALL.keys()


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in SMALL.items()}
    read = read_checkpoint(written(tmp_path / "x.pth", half)).tensors
    assert {tensor.dtype for tensor in read.values()} == {torch.float32}


@pytest.mark.parametrize("model", ["resnet50", "resnet50_base", "resnet50_box"])
def test_the_branches_in_a_file_tell_the_papers_networks_apart(tmp_path: Path, model: str) -> None:
    # Zeros that share one number in memory: shapes as they are, without 100 MB on the disk.
    zeros = {
        name: torch.zeros(()).expand(tensor.shape)
        for name, tensor in random_network(model).state_dict().items()
    }
    network, _ = load_network(written(tmp_path / "x.pth", zeros), "resnet50")
    assert network.variant.name == model
