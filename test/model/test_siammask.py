"""The networks' sizes from crop to mask, and that they remember nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.golden_data import WEIGHTS, golden_file
from support.random_network import lively_network, random_network

from siammask_ros.model.resnet import ResNet50
from siammask_ros.model.siammask import SiamMask, score_probability
from siammask_ros.model.variants import VARIANTS, get_variant

# Sides of the template's features and of the pyramid of a search crop, finest first.
SIDES = {"resnet50": (7, 31, (125, 63, 31)), "efficientnet_lite0": (8, 32, (128, 64, 32))}


@pytest.fixture(scope="module", params=VARIANTS)
def network(request: pytest.FixtureRequest) -> SiamMask:
    return random_network(request.param)


@pytest.fixture(scope="module")
def backbone() -> ResNet50:
    features = random_network("resnet50_box").features
    assert isinstance(features, ResNet50)
    return features


def crops(items: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (items, 3, side, side), generator=generator).float()


def test_sizes_from_crop_to_mask(network: SiamMask) -> None:
    variant = network.variant
    template_side, search_side, pyramid_sides = SIDES[variant.backbone]
    channels, kernel_side = variant.head_channels, template_side - 2
    with torch.inference_mode():
        features, _ = network.features(crops(1, 127))
        assert features.shape == (1, channels, template_side, template_side)
        features, pyramid = network.features(crops(1, 255))
        assert features.shape == (1, channels, search_side, search_side)
        assert tuple(level.shape[-1] for level in pyramid) == pyramid_sides

        kernels = network.template(crops(1, 127))
        assert kernels.score.shape == (1, channels, kernel_side, kernel_side)
        assert kernels.box.shape == kernels.score.shape

        maps = network.search(crops(1, 255), kernels)
        assert maps.score.shape == (1, 10, 25, 25)
        assert maps.box.shape == (1, 20, 25, 25)
        if not variant.has_mask:
            assert kernels.mask.numel() == maps.mask_correlation.numel() == 0
            return
        assert kernels.mask.shape == kernels.score.shape
        assert maps.mask_correlation.shape == (1, channels, 25, 25)
        item, cell = torch.zeros(3, dtype=torch.int64), torch.tensor([0, 12, 24])
        masks = network.masks(maps, item, cell, cell).logits
        assert masks.shape == (3, variant.mask_size, variant.mask_size)


def test_a_network_remembers_nothing_between_calls() -> None:
    network = lively_network(get_variant("lite"))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        kernels = network.template(crops(1, 127))
        first = network.search(crops(1, 255), kernels)
        other_kernels = network.template(torch.zeros(2, 3, 127, 127))
        other = network.search(torch.zeros(2, 3, 255, 255), other_kernels)
        again = network(crops(1, 255), kernels)
    assert torch.equal(first.score, again.score)
    assert torch.equal(first.box, again.box)
    assert not torch.allclose(first.score, other.score[:1], atol=0.1)
    assert all(torch.equal(before[n], tensor) for n, tensor in network.state_dict().items())


def test_a_templates_features_are_the_middle_of_its_map(backbone: ResNet50) -> None:
    with torch.inference_mode():
        features, _ = backbone(crops(1, 127))
        *_, deepest = backbone.features(crops(1, 127))
        whole = backbone.downsample.downsample(deepest)
    assert whole.shape[-2:] == (15, 15)
    assert torch.equal(features, whole[..., 4:11, 4:11])


@pytest.mark.parametrize(
    ("name", "kernel", "stride", "padding", "dilation"),
    [
        ("conv1", 7, 2, 0, 1),
        ("layer2.0.conv2", 3, 2, 0, 1),
        ("layer2.0.downsample.0", 3, 2, 0, 1),
        ("layer2.1.conv2", 3, 1, 1, 1),
        ("layer3.0.conv2", 3, 1, 1, 1),
        ("layer3.0.downsample.0", 3, 1, 1, 1),
        *((f"layer3.{block}.conv2", 3, 1, 2, 2) for block in range(1, 6)),
    ],
)
def test_the_convolutions_that_were_changed_for_tracking(
    backbone: ResNet50, name: str, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    convolution = backbone.features.get_submodule(name)
    assert convolution.kernel_size == (kernel, kernel)
    assert convolution.stride == (stride, stride)
    assert convolution.padding == (padding, padding)
    assert convolution.dilation == (dilation, dilation)
    assert convolution.bias is None


def test_parameters_are_named_and_shaped_as_in_the_authors_files() -> None:
    with np.load(golden_file(WEIGHTS)) as file:
        theirs = {name: file[name].shape for name in file.files if not name.endswith(".scale")}
    ours = {
        name: tuple(tensor.shape)
        for name, tensor in random_network("resnet50").state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert ours == theirs


def test_the_score_is_a_softmax_over_the_first_of_two_axes() -> None:
    logits = torch.zeros(1, 10, 1, 1)
    logits[0, :, 0, 0] = torch.arange(10.0) ** 2
    # Read as (2, 5): anchor k has background k² and target (k + 5)².
    expected = torch.sigmoid(torch.tensor([(k + 5.0) ** 2 - k**2 for k in range(5)]))
    assert torch.allclose(score_probability(logits, 5)[0, :, 0, 0], expected)
