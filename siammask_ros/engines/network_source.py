"""A network that is loaded only where something has to be made of it.

Loading one imports PyTorch, for 2 s and 200 MB. Other runtimes do without it as soon as all that
they need is in the cache: their compiled models, and the name of the variant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels
from siammask_ros.errors import ConfigError
from siammask_ros.model.variants import Variant, get_variant

if TYPE_CHECKING:
    from siammask_ros.model.siammask import SiamMask

_PACKAGE = Path(__file__).parent.parent
_SOURCES = sorted(path for room in ("model", "engines") for path in (_PACKAGE / room).glob("*.py"))
_VARIANT = "name of the variant"


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """Which network it is, and how to get it.

    ``digest`` stands for the weights and for the code that computes with them: what was compiled
    under the same digest gives the same answers. ``load`` returns the same network every time;
    it raises CheckpointError where the weights are not those that the digest stands for.
    """

    variant: Variant
    digest: str
    load: Callable[[], SiamMask]

    @classmethod
    def of(cls, path: Path, model: str, info: EngineInfo) -> NetworkSource:
        """The network of this model with the weights in this file, for this engine.

        Raises as ``load_network``: weights whose variant is not known from before are loaded.
        """
        load = cache(partial(_load, path, model, info.sha256))
        digest = digest_of(info.sha256, model)
        kept = CompiledModels(digest)
        variant = _find_variant(kept.find(_VARIANT))
        if variant is None:
            variant = load().variant
            kept.keep(_VARIANT, variant.name.encode())
        return cls(variant_on(variant, info.device), digest, load)


def digest_of(weights_sha256: str, model: str) -> str:
    """SHA-256 (hex) of what a network's answers follow from: its weights, model and source."""
    digest = hashlib.sha256(f"{weights_sha256} {model}".encode())
    for source in _SOURCES:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def variant_on(variant: Variant, device: str) -> Variant:
    """The variant as it is run on a device.

    On a GPU every search has the full crop until ``warm_up`` has measured that smaller ones are
    faster there.
    """
    is_gpu = device.startswith("cuda")
    return replace(variant, small_search_size=variant.search_size) if is_gpu else variant


def _find_variant(name: bytes | None) -> Variant | None:
    try:
        return get_variant(name.decode()) if name is not None else None
    except (ConfigError, UnicodeDecodeError):
        return None


def _load(path: Path, model: str, sha256: str) -> SiamMask:
    from siammask_ros.model.checkpoint import load_network

    return load_network(path, model, sha256)[0]
