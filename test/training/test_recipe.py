"""Which parts train when, and how fast."""

from __future__ import annotations

import pytest
import torch
from support.random_network import lively_network

from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.recipe import Recipe


@pytest.fixture(scope="module", params=["lite", "resnet50"])
def network(request: pytest.FixtureRequest) -> SiamMask:
    return lively_network(get_variant(request.param))


def learning(network: SiamMask) -> set[str]:
    """The parts of the network, two names deep, of which some parameter learns."""
    return {
        ".".join(name.split(".")[:2])
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }


def test_the_authors_rate_falls_by_the_same_factor_in_every_step(network: SiamMask) -> None:
    config = TrainingConfig(
        schedule="logarithmic", learning_rate=0.005, final_rate=0.5, warmup_steps=5, steps=105
    )
    recipe = Recipe(config, network)
    assert [recipe.rate(step) for step in (0, 4, 5)] == pytest.approx([0.001, 0.005, 0.005])
    factors = [recipe.rate(step + 1) / recipe.rate(step) for step in range(5, 104)]
    assert factors == pytest.approx([0.5 ** (1 / 100)] * len(factors))
    assert recipe.rate(105) == pytest.approx(0.0025)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_late_stages_have_their_own_rate(network: SiamMask, optimizer: str) -> None:
    config = TrainingConfig(
        optimizer=optimizer, frozen_stages=2, backbone_rate=0.1, learning_rate=1.0, warmup_steps=0
    )
    recipe = Recipe(config, network)
    made = recipe.optimizer()
    recipe.begin_step(0, made)
    assert [group["lr"] for group in made.param_groups] == pytest.approx([1.0, 0.1])
    assert type(made).__name__.lower() == optimizer
    counts = [sum(p.numel() for p in group["params"]) for group in made.param_groups]
    assert all(counts)
    assert sum(counts) < sum(p.numel() for p in network.parameters())


def test_the_second_stage_trains_masks_alone(network: SiamMask) -> None:
    config = TrainingConfig(trains="masks", unfreeze_at=0.0)
    recipe = Recipe(config, network)
    made = recipe.optimizer()
    recipe.begin_step(0, made)
    parts = {name.partition(".")[0] for name in learning(network)}
    assert parts == {"mask_model", "refine_model"} | (
        {"matching"} if network.variant.has_matching else set()
    )
    resting = (network.features, network.rpn_model)
    assert not any(module.training for part in resting for module in part.modules())
    owned = {id(p) for group in made.param_groups for p in group["params"]}
    assert owned == {id(p) for p in network.parameters() if p.requires_grad}
    network.requires_grad_(True)


def test_the_backbone_joins_at_its_share_of_the_steps(network: SiamMask) -> None:
    config = TrainingConfig(frozen_stages=2, unfreeze_at=0.5, steps=10)
    recipe = Recipe(config, network)
    made = recipe.optimizer()
    network.requires_grad_(True)
    recipe.begin_step(4, made)
    before = learning(network)
    recipe.begin_step(5, made)
    joined = learning(network) - before
    assert joined and all(name.startswith("features.") for name in joined)
    norms = [m for m in network.features.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    # Only the narrowing behind the backbone, which is new, has statistics of its own.
    assert sum(norm.training for norm in norms) == 1
    network.requires_grad_(True)
