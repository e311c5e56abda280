"""A network with random weights: it tracks nothing, but everything can be run with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn

from siammask_ros.engines.network_source import NetworkSource
from siammask_ros.model.checkpoint import save_network
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant, get_variant


def random_network(model: str = "lite", seed: int = 0) -> SiamMask:
    """The same weights for the same seed, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SiamMask(get_variant(model)).eval()


def lively_network(variant: Variant, seed: int = 0) -> SiamMask:
    """A random network whose answers depend on what it sees.

    With untrained norms every layer shrinks its input, until nothing is left but the biases.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SiamMask(variant).train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        for layer in network.refine_model.modules() if variant.has_refinement else ():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        with torch.no_grad():
            kernels = network.template(torch.rand(2, 3, 127, 127) * 255)
            maps = network.search(torch.rand(2, 3, 255, 255) * 255, kernels)
            cell = torch.tensor([12, 12])
            if variant.has_coarse_mask:
                network.heads()[2].head(maps.mask_correlation)
            elif variant.has_mask:
                network.masks(maps, torch.tensor([0, 1]), cell, cell)
    return network.eval()


def source_of(network: SiamMask) -> NetworkSource:
    """The network as an engine without PyTorch is given it; its digest is that of its numbers."""
    digest = hashlib.sha256(f"{network.variant}".encode())
    for name, value in network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().numpy())
    return NetworkSource(network.variant, digest.hexdigest(), lambda: network)


def random_weights(folder: Path, seed: int = 0) -> Path:
    """A file of random, lively weights for ``lite``."""
    path = folder / f"random_{seed}.safetensors"
    save_network(lively_network(get_variant("lite"), seed), path, {"made": "by a test"})
    return path
