"""An OpenVINO model in a folder of its own, whole or not at all, with notes on what it is."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siammask_ros.errors import EngineError
from siammask_ros.weights_cache.cache import report_write_errors

_NOTES, _XML, _BIN = "about.json", "model.xml", "model.bin"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The two files of a model and the notes; there may be nothing yet.

    Files are replaced and never written over: who has opened the old ones goes on with them.
    """

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether a model was written and noted."""
        return (self.folder / _NOTES).is_file()

    def notes(self) -> dict[str, Any]:
        """What is noted; raises EngineError where that is not readable."""
        notes: dict[str, Any] = self._content()["about"]
        return notes

    def model(self) -> Path:
        """The model's .xml; raises EngineError where its files are not those that were noted."""
        files = self._content()["files"]
        if any(_sha256(self.folder / name) != files.get(name) for name in (_XML, _BIN)):
            raise EngineError(f"{self.folder} has changed since it was made")
        return self.folder / _XML

    @contextmanager
    def new_model(self, notes: dict[str, Any]) -> Iterator[Path]:
        """A path to write an .xml to, with its .bin beside it; they then take the old ones' place.

        The notes come last. Raises ConfigError where the folder is not writable.
        """
        with report_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = tempfile.TemporaryDirectory(dir=self.folder)
        with unfinished:
            path = Path(unfinished.name) / _XML
            yield path
            # Of these files: who writes to the same folder meanwhile is found out by them.
            files = {name: _sha256(path.with_name(name)) for name in (_XML, _BIN)}
            with report_write_errors(self.folder):
                (self.folder / _NOTES).unlink(missing_ok=True)
                for name in files:
                    path.with_name(name).replace(self.folder / name)
                self._write({"about": notes, "files": files})

    def note(self, notes: dict[str, Any]) -> None:
        """Notes something else on the same model; raises EngineError and ConfigError as above."""
        content = {**self._content(), "about": notes}
        with report_write_errors(self.folder):
            self._write(content)

    def _write(self, content: dict[str, Any]) -> None:
        unfinished = self.folder / f"{_NOTES}.part"
        unfinished.write_text(json.dumps(content, indent=2) + "\n")
        unfinished.replace(self.folder / _NOTES)

    def _content(self) -> dict[str, Any]:
        path = self.folder / _NOTES
        try:
            content: dict[str, Any] = json.loads(path.read_text())
            dict(content["about"])
            dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(f"{path} is not readable as notes on a model: {error}") from error
        return content


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
