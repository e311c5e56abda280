"""An unfinished file on the disk, and what has to be known to go on with it later."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache.cache import writing_to

MAX_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Origin:
    """Which file at which address the part belongs to.

    ``validator`` is the strong ETag or the date of change that the server gave: with it the
    server is asked to go on only if its file is still the same. Empty: it gave none.
    """

    address: str
    validator: str = ""
    total_bytes: int | None = None

    def __post_init__(self) -> None:
        is_text = isinstance(self.validator, str) and self.validator.isprintable()
        if not is_text or not isinstance(self.total_bytes, int | None):
            raise TypeError("the notes of a download are damaged")


class Part:
    """The first bytes of the file at an address. What belongs to another file is not used.

    Raises ConfigError where the disk cannot be written or is full.
    """

    def __init__(self, path: Path, address: str) -> None:
        self.path = path
        self._notes_path = path.with_name(f"{path.name}.json")
        self.origin = self._noted(address)
        if not self.origin.validator:
            self.drop()

    @property
    def size_bytes(self) -> int:
        """How much is there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def kept_bytes(self) -> int:
        """How much of it a later try can go on from: nothing that the server cannot vouch for."""
        return self.size_bytes if self.origin.validator else 0

    @property
    def is_whole(self) -> bool:
        """Whether all that the server promised is there."""
        return bool(self.size_bytes) and self.size_bytes == self.origin.total_bytes

    def begin(self, validator: str, total_bytes: int | None) -> None:
        """Starts from nothing with what the server says of its file.

        Raises CheckpointError for more bytes than weights can have.
        """
        self.drop()
        self.origin = Origin(self.origin.address, validator, total_bytes)
        self._refuse_oversize(total_bytes or 0)
        self._require_room(total_bytes or 0)
        with writing_to(self.path.parent):
            self._notes_path.write_text(json.dumps(asdict(self.origin)), encoding="utf-8")

    def append(self, chunks: Iterable[bytes]) -> None:
        """Writes what comes to the disk. What ``chunks`` raises goes through, the part stays."""
        size_bytes = self.size_bytes
        with writing_to(self.path.parent), self.path.open("ab") as file:
            for chunk in chunks:
                size_bytes += len(chunk)
                self._refuse_oversize(size_bytes)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def drop(self) -> None:
        """Forgets what came so far."""
        self.origin = Origin(self.origin.address)
        with writing_to(self.path.parent):
            self.path.unlink(missing_ok=True)
            self._notes_path.unlink(missing_ok=True)

    def forget_origin(self) -> None:
        """Removes the notes of a part that is done."""
        with writing_to(self.path.parent):
            self._notes_path.unlink(missing_ok=True)

    def _noted(self, address: str) -> Origin:
        """What the notes say, if they are about this address."""
        try:
            origin = Origin(**json.loads(self._notes_path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return Origin(address)
        return origin if origin.address == address else Origin(address)

    def _require_room(self, wanted_bytes: int) -> None:
        with writing_to(self.path.parent):
            free_bytes = shutil.disk_usage(self.path.parent).free
        if wanted_bytes > free_bytes:
            raise ConfigError(
                f"cache {self.path.parent} has {free_bytes / 1e6:.0f} MB left; expected room for "
                f"{wanted_bytes / 1e6:.0f} MB. Make room, or set SIAMMASK_CACHE to another folder"
            )

    def _refuse_oversize(self, size_bytes: int) -> None:
        if size_bytes > MAX_BYTES:
            self.drop()
            raise CheckpointError(
                f"{self.origin.address} sends over {MAX_BYTES >> 30} GiB; expected a file of "
                "weights. Is the address right?"
            )
