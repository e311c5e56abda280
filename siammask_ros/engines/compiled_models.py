"""Compiled models, kept in the user's cache: to convert and compile was half of a node's start.

One is known by a hash of all that it follows from, so that nothing is ever out of date. Those
that were not used for longest make room for new ones.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from siammask_ros.errors import ConfigError
from siammask_ros.weights_cache.cache import cache_folder, report_write_errors

MOST_BYTES = 1 << 30

_LOG = logging.getLogger(__name__)
_HASH_BYTES = hashlib.sha256().digest_size


class CompiledModels:
    """The place for all compiled forms of one model, which ``digest`` stands for."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def find(self, form: str) -> bytes | None:
        """What was kept of this form; None where nothing was, or it is not whole any more."""
        with suppress(ConfigError, OSError):
            path = self._path(form)
            content = path.read_bytes()
            digest, model = content[:_HASH_BYTES], content[_HASH_BYTES:]
            if hashlib.sha256(model).digest() == digest:
                os.utime(path)
                return model
            _LOG.warning("%s is damaged and is made again", path)
        return None

    def keep(self, form: str, model: bytes) -> None:
        """Keeps a compiled form; where that is not possible, says so in the log."""
        try:
            path = self._path(form)
            with report_write_errors(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                    unfinished = Path(file.name)
                    try:
                        file.write(hashlib.sha256(model).digest() + model)
                        file.flush()
                        unfinished.replace(path)
                    except BaseException:
                        unfinished.unlink(missing_ok=True)
                        raise
            _make_room(path.parent)
        except (ConfigError, OSError) as error:
            _LOG.warning("the next start takes as long as this one: %s", error)

    def _path(self, form: str) -> Path:
        name = hashlib.sha256(f"{self._digest} {form}".encode()).hexdigest()
        return cache_folder() / "compiled" / name


def _make_room(folder: Path) -> None:
    """Removes what was not used for longest, until the rest is not too much."""
    total = 0
    files = [(path.stat(), path) for path in folder.iterdir()]
    for about, path in sorted(files, key=lambda file: -file[0].st_mtime):
        total += about.st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
