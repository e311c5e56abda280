"""The cache folder of downloaded weights, and the check that a file is unchanged.

A download record lies beside each file. It is kept when the file is deleted, so that a later
download is compared with the first one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache.catalogue import WEIGHTS, Weights, find_weights
from siammask_ros.weights_cache.download_record import DownloadRecord


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A weights file in the cache folder. The file may not exist yet."""

    weights: Weights
    folder: Path

    @classmethod
    def from_name(cls, name: str) -> CachedFile:
        """Return the file of these weights in the user's cache; raises ConfigError."""
        return cls(find_weights(name), cache_folder())

    @property
    def path(self) -> Path:
        """The path of the weights file."""
        return self.folder / self.weights.file

    @property
    def partial_path(self) -> Path:
        """The path of an unfinished download."""
        return self.folder / f"{self.weights.file}.part"

    @property
    def record_path(self) -> Path:
        """The path of the record of the first download."""
        return self.folder / f"{self.weights.file}.json"

    def require(self) -> DownloadRecord:
        """Return the record of an existing file; raises CheckpointError if one is missing."""
        name, fetch = self.weights.name, f"run: siammask weights fetch {self.weights.name}"
        if _size_bytes(self.path) is None:
            raise CheckpointError(
                f"weights {name} are not at {self.path}: they have not been fetched; {fetch}"
            )
        record = DownloadRecord.read(self.record_path)
        if record is None:
            raise CheckpointError(
                f"{self.path} has no {self.record_path.name} beside it, so it is unknown whether "
                f"it is whole; copy both from the machine that fetched them, or {fetch}"
            )
        return record

    def verify(self) -> Path:
        """Check the file's SHA-256 and return its path; raises CheckpointError."""
        record, digest = self.require(), _sha256(self.path)
        if digest != record.sha256:
            raise CheckpointError(
                f"{self.path} has changed since it was fetched: its SHA-256 is {digest}; expected "
                f"{record.sha256}. Run: siammask weights fetch {self.weights.name}"
            )
        return self.path

    def is_intact(self) -> bool:
        """Whether the file exists and its SHA-256 matches its record."""
        try:
            self.verify()
        except CheckpointError:
            return False
        return True

    def complete(self, record: DownloadRecord) -> None:
        """Rename the finished download. The record is written first, so no file lacks one."""
        if DownloadRecord.read(self.record_path) is None:
            record.write(self.record_path)
        self.partial_path.replace(self.path)

    def state(self) -> str:
        """Return a status word for a table; raises CheckpointError if it cannot be read."""
        if self.is_intact():
            return "fetched"
        if _size_bytes(self.path) is not None:
            return "damaged"
        return "begun" if _size_bytes(self.partial_path) else "not fetched"

    def size_bytes(self) -> int:
        """Return the size of the file or its unfinished download; raises CheckpointError."""
        return _size_bytes(self.path) or _size_bytes(self.partial_path) or 0

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the file, so that no second download writes to the same unfinished file.

        Raises CheckpointError if it is locked, ConfigError if the folder is not writable.
        """
        lock_path = self.folder / f"{self.weights.file}.lock"
        with report_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CheckpointError(
                    f"another fetch of {self.weights.name} to {self.folder} is under way; wait "
                    "until it is done"
                ) from error
            yield
        finally:
            os.close(lock)


def locate_checkpoint(checkpoint: str, model: str, expected_sha256: str = "") -> tuple[str, str]:
    """Return path and expected SHA-256 of a checkpoint: a path, or the name of cached weights.

    A path is returned unchanged. For a name the SHA-256 comes from the download record, unless
    ``expected_sha256`` is given. Raises CheckpointError if the weights are not in the cache, and
    ConfigError if they belong to another model. Nothing is downloaded here.
    """
    weights = WEIGHTS.get(checkpoint)
    if weights is None:
        return checkpoint, expected_sha256
    if model != weights.model:
        raise ConfigError(
            f"checkpoint {checkpoint} is for model {weights.model}, and model is {model}; set "
            f"model to {weights.model}"
        )
    file = CachedFile(weights, cache_folder())
    record = file.require()
    return str(file.path), expected_sha256 or record.sha256


def cache_folder() -> Path:
    """Return $SIAMMASK_CACHE, else $XDG_CACHE_HOME/siammask, else ~/.cache/siammask.

    Raises ConfigError if the user has no home folder.
    """
    try:
        if own := os.environ.get("SIAMMASK_CACHE"):
            return Path(own).expanduser().absolute()
        shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG specification: a relative path there is to be ignored.
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "siammask"
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home folder for the cache; set SIAMMASK_CACHE to a writable folder"
        ) from error


@contextmanager
def report_write_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError into a ConfigError with one line of advice."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cache {folder} cannot be written: {error.strerror or error}; expected a writable "
            "folder with room for the weights. Mend that, or set SIAMMASK_CACHE to another folder"
        ) from error


def _size_bytes(path: Path) -> int | None:
    """Return the size of a file, None if it does not exist."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _read_error(path, error) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise _read_error(path, error) from error
    return digest.hexdigest()


def _read_error(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read: {error.strerror or error}; expected a readable file of weights"
    )
