"""A file of weights as bytes: found, read as a whole, and hashed.

Free of torch: an engine that has compiled models of these weights needs nothing more of the file.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from siammask_ros.errors import CheckpointError

SHIPPED = {"lite": Path(__file__).parent.parent / "weights" / "lite.safetensors"}

_MAX_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file's absolute path, the SHA-256 (hex) of its bytes, and the bytes."""

    path: Path
    sha256: str
    content: bytes


def read_weights_file(path: Path | str, expected_sha256: str = "") -> WeightsFile:
    """The bytes of a file that may hold weights; what they are is not looked at.

    Raises CheckpointError where the file is missing, unreadable or too large to be weights, or
    has another SHA-256 than expected.
    """
    path = _absolute(path)
    content = _read_bytes(path)
    sha256 = hashlib.sha256(content).hexdigest()
    if expected_sha256 and sha256 != expected_sha256.lower():
        raise CheckpointError(
            f"{path} has SHA-256 {sha256}; expected {expected_sha256}. Fetch the file again"
        )
    return WeightsFile(path, sha256, content)


def weights_path(path: Path | str, model: str) -> Path:
    """The path itself, or that of the shipped weights where it is empty.

    Raises CheckpointError where nothing is shipped for this model.
    """
    if str(path):
        return Path(path)
    if model not in SHIPPED:
        raise CheckpointError(
            f"model {model} has no shipped weights; expected a checkpoint: for the authors' "
            "run 'siammask weights fetch davis' and name davis, or give the path of a file"
        )
    return SHIPPED[model]


def _absolute(path: Path | str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise CheckpointError(f"{path} cannot be found: {error} Give its full path") from error


def _read_bytes(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise CheckpointError(f"{path} is a directory; expected a file of weights")
        # A pipe or a device might never end.
        if not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"{path} is not a regular file; expected a file of weights")
        if found.st_size > _MAX_BYTES:
            raise CheckpointError(f"{path} is over {_MAX_BYTES >> 30} GiB; expected weights")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(
            f"{path} cannot be read: {reason}; expected a readable file of weights"
        ) from error
