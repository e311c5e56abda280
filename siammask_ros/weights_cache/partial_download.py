"""An unfinished download on the disk, with the notes that are needed to resume it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache.cache import report_write_errors

MAX_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class DownloadOrigin:
    """The file that is being downloaded.

    ``validator`` is the strong ETag or Last-Modified date from the server. The request to resume
    carries it, so that the server continues only an unchanged file. Empty: the server sent none.
    """

    address: str
    validator: str = ""
    total_bytes: int | None = None

    def __post_init__(self) -> None:
        is_text = isinstance(self.validator, str) and self.validator.isprintable()
        if not is_text or not isinstance(self.total_bytes, int | None):
            raise TypeError("the notes of a download are damaged")


class PartialDownload:
    """The first bytes of the file at an address. Bytes of another file are discarded.

    Raises ConfigError if the disk cannot be written or is full.
    """

    def __init__(self, path: Path, address: str) -> None:
        self.path = path
        self._notes_path = path.with_name(f"{path.name}.json")
        self.origin = self._read_notes(address)
        if not self.origin.validator:
            self.discard()

    @property
    def size_bytes(self) -> int:
        """The size of the unfinished file."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def resumable_bytes(self) -> int:
        """How many bytes can be kept when resuming: 0 without a validator."""
        return self.size_bytes if self.origin.validator else 0

    @property
    def is_whole(self) -> bool:
        """Whether all announced bytes have arrived."""
        return bool(self.size_bytes) and self.size_bytes == self.origin.total_bytes

    def begin(self, validator: str, total_bytes: int | None) -> None:
        """Start an empty file and note the server's validator and size.

        Raises CheckpointError if the file is larger than ``MAX_BYTES``.
        """
        self.discard()
        self.origin = DownloadOrigin(self.origin.address, validator, total_bytes)
        self._reject_oversize(total_bytes or 0)
        self._require_room(total_bytes or 0)
        with report_write_errors(self.path.parent):
            self._notes_path.write_text(json.dumps(asdict(self.origin)), encoding="utf-8")

    def append(self, chunks: Iterable[bytes]) -> None:
        """Append chunks to the file. If ``chunks`` raises, the file keeps what was written."""
        size_bytes = self.size_bytes
        with report_write_errors(self.path.parent), self.path.open("ab") as file:
            for chunk in chunks:
                size_bytes += len(chunk)
                self._reject_oversize(size_bytes)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Delete the unfinished file and its notes."""
        self.origin = DownloadOrigin(self.origin.address)
        with report_write_errors(self.path.parent):
            self.path.unlink(missing_ok=True)
            self._notes_path.unlink(missing_ok=True)

    def remove_notes(self) -> None:
        """Delete the notes of a finished download."""
        with report_write_errors(self.path.parent):
            self._notes_path.unlink(missing_ok=True)

    def _read_notes(self, address: str) -> DownloadOrigin:
        """Return the noted origin if it has this address, else a new one."""
        try:
            origin = DownloadOrigin(**json.loads(self._notes_path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return DownloadOrigin(address)
        return origin if origin.address == address else DownloadOrigin(address)

    def _require_room(self, wanted_bytes: int) -> None:
        with report_write_errors(self.path.parent):
            free_bytes = shutil.disk_usage(self.path.parent).free
        if wanted_bytes > free_bytes:
            raise ConfigError(
                f"cache {self.path.parent} has {free_bytes / 1e6:.0f} MB left; expected room for "
                f"{wanted_bytes / 1e6:.0f} MB. Make room, or set SIAMMASK_CACHE to another folder"
            )

    def _reject_oversize(self, size_bytes: int) -> None:
        if size_bytes > MAX_BYTES:
            self.discard()
            raise CheckpointError(
                f"{self.origin.address} sends over {MAX_BYTES >> 30} GiB; expected a file of "
                "weights. Is the address right?"
            )
