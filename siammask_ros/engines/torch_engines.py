"""Opens the engines that run the network in PyTorch itself."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled import CompiledEngine, open_compiled
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.half_precision import with_precision
from siammask_ros.engines.network_source import variant_on
from siammask_ros.engines.reference import ReferenceEngine
from siammask_ros.model.checkpoint import load_network
from siammask_ros.model.fold import fold_norms
from siammask_ros.model.siammask import SiamMask

_LOG = logging.getLogger(__name__)


def open_torch_engine(
    path: Path, model: str, info: EngineInfo, threads: int
) -> EagerEngine | CompiledEngine:
    """The engine that ``info`` names, with the weights in this file.

    Raises CheckpointError for the weights, EngineError where the compiler is missing.
    """
    network, device = _prepare(path, model, info, threads)
    if info.engine == "compiled":
        chosen = with_precision(network, device, info)
        if chosen is not info:
            _LOG.info("in %s: %s", chosen.precision, chosen.reason)
        return open_compiled(network, device, chosen)
    # The authors' network stays as they wrote it: its numbers are compared to the last digit.
    is_ours = network.variant.backbone != "resnet50"
    return EagerEngine(fold_norms(network) if is_ours else network, device, info)


def open_reference_engine(
    path: Path, model: str, info: EngineInfo, threads: int
) -> ReferenceEngine:
    """The network as the authors run it; raises CheckpointError."""
    return ReferenceEngine(*_prepare(path, model, info, threads), info)


def _prepare(
    path: Path, model: str, info: EngineInfo, threads: int
) -> tuple[SiamMask, torch.device]:
    network, _ = load_network(path, model, info.sha256)
    network.variant = variant_on(network.variant, info.device)
    device = torch.device(info.device)
    if threads and device.type == "cpu":
        torch.set_num_threads(threads)
    return network, device
