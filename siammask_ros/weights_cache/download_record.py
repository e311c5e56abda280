"""The record of the first download of a weights file; later downloads must match it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from siammask_ros.errors import CheckpointError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """Address, time (UTC), size and SHA-256 of a download."""

    address: str
    fetched_at: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not isinstance(self.size_bytes, int) or not _SHA256.fullmatch(self.sha256):
            raise ValueError("it holds no size and SHA-256")

    @classmethod
    def read(cls, path: Path) -> DownloadRecord | None:
        """Read a record, None if there is no file; raises CheckpointError if it is damaged."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged ({str(error)[:80]}); expected the record of the first "
                "fetch. Remove it and fetch the weights again"
            ) from error

    def write(self, path: Path) -> None:
        """Write the file atomically; raises OSError."""
        unfinished = path.with_suffix(".json.new")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)
