"""Where converted networks are kept in the user's cache: to convert is a third of a node's start.

A network is known by all that its conversion follows from, so that nothing is ever out of date;
those that were not opened for longest make room for new ones.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from siammask_ros.engines.model_folder import ModelFolder
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.zoo.cache import cache_folder

MOST_KEPT = 12

_PACKAGE = Path(__file__).parent.parent
_SOURCES = (
    *sorted((_PACKAGE / "model").glob("*.py")),
    _PACKAGE / "engines" / "openvino_rt.py",
    _PACKAGE / "engines" / "parts.py",
)


def conversion_of(part: SearchPart | MaskPart, runtime: str) -> ModelFolder:
    """The place for a part of a network, as a runtime takes it; there may be nothing yet.

    Raises ConfigError where this user has no cache.
    """
    digest = hashlib.sha256(f"{runtime} {type(part).__name__} {part.network.variant}".encode())
    for source in _SOURCES:
        digest.update(source.read_bytes())
    for name, value in part.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().numpy())
    return ModelFolder(_folder() / digest.hexdigest())


def make_room() -> None:
    """Removes the conversions that were not used for longest, but for the latest few."""
    kept = [(path.stat().st_mtime, path) for path in _folder().glob("*/") if path.exists()]
    for _, path in sorted(kept)[:-MOST_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _folder() -> Path:
    return cache_folder() / "converted"
