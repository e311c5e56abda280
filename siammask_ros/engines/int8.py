"""Where the int8 form of some weights lies on this machine, and what is known of it.

It is made once by ``siammask export --format int8``, for one file of weights, and kept in the
user's cache under that file's SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from siammask_ros.errors import EngineError
from siammask_ros.zoo.cache import cache_folder, writing_to

# What may be lost of the mean J for int8 to be taken without being asked for.
HARMLESS_LOSS = 0.01

_ABOUT, _XML, _BIN = "about.json", "search.xml", "search.bin"


@dataclass(frozen=True, slots=True)
class Int8About:
    """How an int8 form was made, and how good and fast it was found to be.

    ``mean_j`` and ``step_ms`` by precision, both of the same run; empty where there were no data
    to measure on.
    """

    model: str
    weights_sha256: str
    runtime: str
    pictures: int
    measured_on: str
    mean_j: dict[str, float]
    box_iou: dict[str, float]
    step_ms: dict[str, float]

    def verdict(self) -> tuple[bool, str]:
        """Whether 'auto' may take int8 instead of what it would take else, and why."""
        if not self.mean_j:
            return False, "int8 was not measured: no sequences were at hand"
        loss = self.mean_j["fp32"] - self.mean_j["int8"]
        if loss >= HARMLESS_LOSS:
            return False, f"int8 loses {loss:.3f} mean J against fp32, {HARMLESS_LOSS} or more"
        fastest = min(ms for precision, ms in self.step_ms.items() if precision != "int8")
        if self.step_ms["int8"] >= fastest:
            return False, f"int8 is no faster: {self.step_ms['int8']:.1f} ms a step"
        return True, f"int8 loses {loss:.3f} mean J and is {fastest / self.step_ms['int8']:.2f}x"


@dataclass(frozen=True, slots=True)
class Int8Form:
    """The folder for the int8 form of weights with this SHA-256. There may be nothing yet."""

    folder: Path

    @classmethod
    def of(cls, sha256: str) -> Int8Form:
        """The place in the user's cache; raises ConfigError where there is no cache."""
        return cls(cache_folder() / "int8" / sha256)

    @property
    def is_there(self) -> bool:
        """Whether it was made."""
        return (self.folder / _ABOUT).is_file()

    def search_model(self, runtime: str) -> Path:
        """The file for OpenVINO, found whole; raises EngineError with what to do else."""
        again = "run: siammask export --format int8, with the same model and checkpoint"
        if not self.is_there:
            raise EngineError(f"there is no int8 form of these weights on this machine; {again}")
        content = self._content(again)
        digests = {name: content["files"].get(name) for name in (_XML, _BIN)}
        if any(_sha256(self.folder / name) != digest for name, digest in digests.items()):
            raise EngineError(f"{self.folder} has changed since it was made; {again}")
        if content["about"]["runtime"] != runtime:
            made_by = content["about"]["runtime"]
            raise EngineError(f"{self.folder} was made by {made_by}, this is {runtime}; {again}")
        return self.folder / _XML

    def about(self) -> Int8About:
        """What is known of it; raises EngineError where that is not readable."""
        return Int8About(**self._content("run: siammask export --format int8")["about"])

    def write(self, about: Int8About) -> None:
        """Notes what is known, last of all: without it there is no int8 form."""
        content = {
            "about": asdict(about),
            "files": {name: _sha256(self.folder / name) for name in (_XML, _BIN)},
        }
        unfinished = self.folder / f"{_ABOUT}.part"
        with writing_to(self.folder):
            unfinished.write_text(json.dumps(content, indent=2) + "\n")
            unfinished.replace(self.folder / _ABOUT)

    def emptied(self) -> Path:
        """The path for a new model file; what was there before counts no more."""
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _ABOUT).unlink(missing_ok=True)
        return self.folder / _XML

    def _content(self, advice: str) -> dict[str, Any]:
        path = self.folder / _ABOUT
        try:
            content: dict[str, Any] = json.loads(path.read_text())
            Int8About(**content["about"])
            dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(
                f"{path} is not readable as what int8 is: {error}; {advice}"
            ) from error
        return content


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
