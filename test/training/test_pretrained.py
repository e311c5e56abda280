"""A training that begins with weights of an earlier form of its network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.random_network import lively_network

from siammask_ros.errors import CheckpointError, DataError
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant
from siammask_ros.training.datasets import data_root
from siammask_ros.training.pretrained import load_imagenet_backbone, load_matching_weights


@pytest.fixture(scope="module")
def source() -> SiamMask:
    return lively_network(get_variant("lite"), seed=3)


def saved(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def test_what_fits_is_taken_and_the_rest_begins_afresh_and_is_told(
    source: SiamMask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tensors = {k: v for k, v in source.state_dict().items() if not k.startswith("matching.")}
    tensors["refine_model.last.weight"] = torch.zeros(1, 2, 3, 3)
    tensors["refine_model.of_an_earlier_form"] = torch.zeros(4)
    network = lively_network(get_variant("lite"), seed=4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with caplog.at_level("INFO"):
        load_matching_weights(network, saved(tmp_path / "earlier.safetensors", tensors))
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        fresh = name.startswith("matching.") or name == "refine_model.last.weight"
        assert torch.equal(tensor, (before if fresh else source.state_dict())[name]), name
    assert "refine_model.last" in caplog.text and "matching" in caplog.text


def test_weights_of_another_network_are_refused(source: SiamMask, tmp_path: Path) -> None:
    renamed = {f"other.{name}": tensor for name, tensor in source.state_dict().items()}
    with pytest.raises(DataError, match=r"has 0 of the \d+ tensors of model lite"):
        load_matching_weights(source, saved(tmp_path / "other.safetensors", renamed))


def test_a_file_that_is_no_weights_is_refused(source: SiamMask, tmp_path: Path) -> None:
    page = tmp_path / "page.safetensors"
    page.write_text("<!DOCTYPE html><title>404</title>")
    with pytest.raises(CheckpointError, match="web page"):
        load_matching_weights(source, page)


def test_imagenets_resnet50_computes_the_same_on_colours_as_they_are() -> None:
    try:
        root = data_root()
    except DataError as error:
        pytest.skip(str(error))
    path = root / "weights" / "resnet50_imagenet_layer3_fp16.pth"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    network = SiamMask(get_variant("resnet50"))
    load_imagenet_backbone(network)
    trunk = network.features.features.eval()
    source = {name: t.float() for name, t in torch.load(path, weights_only=True).items()}
    image = torch.rand(1, 3, 63, 63, generator=torch.Generator().manual_seed(0)) * 255
    mean = torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    expected = torch.nn.functional.conv2d(image - mean, source["conv1.weight"], stride=2)
    norm = [source[f"bn1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    expected = torch.nn.functional.batch_norm(expected, *norm)
    with torch.no_grad():
        ours = trunk.bn1(trunk.conv1(image))
    assert torch.allclose(ours, expected, atol=1e-3)
    shortcut = trunk.layer2[0].downsample[0].weight
    assert torch.equal(shortcut[:, :, 1:2, 1:2], source["layer2.0.downsample.0.weight"])
    assert shortcut.abs().sum() == shortcut[:, :, 1, 1].abs().sum()
