"""Files of weights: read safely, checked strictly, hashed.

Reads the authors' ``.pth`` files (state dict alone or in a training checkpoint, with or without a
``module.`` prefix) and safetensors files. Nothing in a file is executed.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save
from torch import Tensor

from siammask_ros.errors import CheckpointError
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant, get_variant
from siammask_ros.model.weights_file import read_weights_file, weights_path

_SHOWN = 5
_PREFIX = "module."
_EXPECTED = "expected a whole .pth or .safetensors file"
# What a reader runs into where bytes are missing or changed.
_DAMAGE = (
    pickle.UnpicklingError,
    SafetensorError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name, and the SHA-256 (hex) of its bytes."""

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]


def load_network(path: Path | str, model: str, expected_sha256: str = "") -> tuple[SiamMask, str]:
    """The network in evaluation mode with this file's weights, and the file's SHA-256.

    ``model`` names a variant; for ``resnet50`` the file decides whether it is the refined, the
    base (coarse masks) or the box-only network. An empty path takes the weights that the package
    ships. Raises CheckpointError (see ``read_checkpoint``, and for tensors that are missing,
    unexpected, misshapen or not finite) and ConfigError for an unknown model.
    """
    variant = get_variant(model)
    checkpoint = read_checkpoint(weights_path(path, model), expected_sha256)
    variant = _find_variant(variant, checkpoint)
    network = SiamMask(variant)
    _check(checkpoint, network, variant)
    network.load_state_dict(dict(checkpoint.tensors), strict=False)
    return network.eval(), checkpoint.sha256


def read_checkpoint(path: Path | str, expected_sha256: str = "") -> Checkpoint:
    """All tensors of a file of weights, float32, under the authors' names.

    Raises CheckpointError where the file is missing, unreadable, damaged, not a file of weights,
    holds anything but plain data, or has another SHA-256 than expected.
    """
    file = read_weights_file(path, expected_sha256)
    _refuse_look_alikes(file.path, file.content)
    content = _parse(file.path, file.content)
    return Checkpoint(file.path, file.sha256, _state_dict(file.path, content))


def save_network(network: SiamMask, path: Path, notes: Mapping[str, str]) -> None:
    """Writes weights as safetensors: convolutions in half precision, norms in single.

    ``notes`` go into the file's header beside the variant's name. The file appears whole or not
    at all.
    """
    tensors = {
        name: (tensor.half() if tensor.ndim == 4 else tensor.float()).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    content = save(tensors, metadata={"variant": network.variant.name, **notes})
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _refuse_look_alikes(path: Path, data: bytes) -> None:
    start = data[:512].lstrip().lower()
    looks = ""
    if not data:
        looks = "is empty"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        looks = "is a web page, not weights: the download gave an error page"
    elif start.startswith(b"version https://git-lfs"):
        looks = "is a Git LFS pointer: run 'git lfs pull' to get the file itself"
    elif not (data.startswith((b"PK", b"\x80")) or _is_safetensors(data)):
        looks = f"is no file of weights: it starts with {data[:16]!r}"
    if looks:
        raise CheckpointError(f"{path} {looks}; {_EXPECTED}")


def _is_safetensors(data: bytes) -> bool:
    """Whether the bytes start as such a file: eight of length, then a JSON object."""
    return data[8:9] == b"{"


def _parse(path: Path, data: bytes) -> Any:
    try:
        if _is_safetensors(data):
            return load_safetensors(data)
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)  # noqa: TID251
    except _DAMAGE as error:
        # The reader's own words are left out: they advise to load it unsafely.
        refused = re.search(r"unsupported (?:global: )?GLOBAL (\S+)", str(error), re.IGNORECASE)
        if refused:
            raise CheckpointError(
                f"{path} asks for {refused[1][:80]!r}, which is neither weights nor a plain value; "
                "nothing of it was executed. Expected a state dict"
            ) from error
        raise CheckpointError(
            f"{path} is damaged or cut short ({type(error).__name__}); {_EXPECTED}. Fetch it again"
        ) from error


def _numpy_scalars() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What a NumPy number in a training checkpoint (its ``best_acc``) is rebuilt from."""
    scalar: Any = np._core.multiarray.scalar  # type: ignore[attr-defined]
    dtypes = [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")]
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        (np.dtype, "numpy.dtype"),
        *dtypes,
    ]


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a dictionary of tensors"
        )
    tensors = {}
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path} has the entry {str(name)[:80]!r} of type {type(tensor).__name__}; "
                "expected only tensors under names"
            )
        short = name.removeprefix(_PREFIX)
        tensors[short] = tensor.float() if tensor.is_floating_point() else tensor
    return tensors


def _find_variant(variant: Variant, checkpoint: Checkpoint) -> Variant:
    """For the paper's network: the variant whose branches the file has."""
    if variant.name != "resnet50":
        return variant
    branches = {name.partition(".")[0] for name in checkpoint.tensors}
    if "refine_model" in branches:
        return variant
    return get_variant("resnet50_base" if "mask_model" in branches else "resnet50_box")


def _check(checkpoint: Checkpoint, network: SiamMask, variant: Variant) -> None:
    wanted = {
        name: tensor.shape
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    given = {
        name: tensor.shape
        for name, tensor in checkpoint.tensors.items()
        if not name.endswith("num_batches_tracked")
    }
    problems = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {tuple(given[name])} instead of {tuple(shape)}"
            for name, shape in wanted.items()
            if name in given and given[name] != shape
        ],
    }
    found = [f"{kind}: {_join_names(names)}" for kind, names in problems.items() if names]
    if found:
        raise CheckpointError(
            f"{checkpoint.path} does not fit model {variant.name}; " + "; ".join(found)
        )
    for name, tensor in checkpoint.tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{checkpoint.path} has a number that is not finite in {name}; expected finite "
                "weights. Fetch the file again or retrain"
            )


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
