"""Where fetched weights lie on this machine, and whether they are still what was fetched.

Beside each file lies its receipt. It outlives the file, so that a later fetch is compared too.
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
from siammask_ros.weights_cache.catalogue import WEIGHTS, Weights, weights_named
from siammask_ros.weights_cache.download_record import Receipt


@dataclass(frozen=True, slots=True)
class CachedFile:
    """The place of some weights in a cache folder. There may be nothing there yet."""

    weights: Weights
    folder: Path

    @classmethod
    def named(cls, name: str) -> CachedFile:
        """The place of the weights of this name in the user's cache; raises ConfigError."""
        return cls(weights_named(name), cache_folder())

    @property
    def path(self) -> Path:
        """The file of weights itself."""
        return self.folder / self.weights.file

    @property
    def part_path(self) -> Path:
        """What has come so far of a fetch that is not done."""
        return self.folder / f"{self.weights.file}.part"

    @property
    def receipt_path(self) -> Path:
        """What is remembered of the first fetch."""
        return self.folder / f"{self.weights.file}.json"

    def require(self) -> Receipt:
        """The receipt of a file that is there; raises CheckpointError with what to do."""
        name, fetch = self.weights.name, f"run: siammask weights fetch {self.weights.name}"
        if _size_bytes(self.path) is None:
            raise CheckpointError(
                f"weights {name} are not at {self.path}: they have not been fetched; {fetch}"
            )
        receipt = Receipt.read(self.receipt_path)
        if receipt is None:
            raise CheckpointError(
                f"{self.path} has no {self.receipt_path.name} beside it, so nobody knows whether "
                f"it is whole; copy both from the machine that fetched them, or {fetch}"
            )
        return receipt

    def checked_path(self) -> Path:
        """The file, after its hash was found to be the remembered one; raises CheckpointError."""
        receipt, digest = self.require(), _sha256(self.path)
        if digest != receipt.sha256:
            raise CheckpointError(
                f"{self.path} has changed since it was fetched: its SHA-256 is {digest}; expected "
                f"{receipt.sha256}. Run: siammask weights fetch {self.weights.name}"
            )
        return self.path

    def is_intact(self) -> bool:
        """Whether the file is there and is what was fetched first."""
        try:
            self.checked_path()
        except CheckpointError:
            return False
        return True

    def keep(self, receipt: Receipt) -> None:
        """Turns the part into the file. The receipt comes first: no file is without one."""
        if Receipt.read(self.receipt_path) is None:
            receipt.write(self.receipt_path)
        self.part_path.replace(self.path)

    def state(self) -> str:
        """In a word or two, what is there; raises CheckpointError where nobody can look."""
        if self.is_intact():
            return "fetched"
        if _size_bytes(self.path) is not None:
            return "damaged"
        return "begun" if _size_bytes(self.part_path) else "not fetched"

    def size_bytes(self) -> int:
        """How much is on the disk, of the file or of its part; raises CheckpointError."""
        return _size_bytes(self.path) or _size_bytes(self.part_path) or 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second fetch of the same weights out, which would write to the same part.

        Raises CheckpointError where there is one, ConfigError where the folder is not writable.
        """
        lock_path = self.folder / f"{self.weights.file}.lock"
        with writing_to(self.folder):
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


def located(checkpoint: str, model: str, expected_sha256: str = "") -> tuple[str, str]:
    """Path and expected SHA-256 of a checkpoint that is a name of fetched weights, or a path.

    A path passes through as it is, and so does an expected hash that is given; a name brings the
    remembered one. Raises CheckpointError where the named weights have not been fetched, and
    ConfigError where they are another model's. Nothing is downloaded here.
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
    receipt = file.require()
    return str(file.path), expected_sha256 or receipt.sha256


def cache_folder() -> Path:
    """$SIAMMASK_CACHE, else $XDG_CACHE_HOME/siammask, else ~/.cache/siammask.

    Raises ConfigError where there is no home folder to put it in.
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
def writing_to(folder: Path) -> Iterator[None]:
    """Says in one line that the cache could not be written; raises ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cache {folder} cannot be written: {error.strerror or error}; expected a writable "
            "folder with room for the weights. Mend that, or set SIAMMASK_CACHE to another folder"
        ) from error


def _size_bytes(path: Path) -> int | None:
    """The size of a file, None where there is none."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read: {error.strerror or error}; expected a readable file of weights"
    )
