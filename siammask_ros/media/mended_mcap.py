"""An MCAP file without its end, given one: what a recorder that was killed leaves can be read."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from siammask_ros.errors import DataError

# From the MCAP specification: what a file begins and ends with, an opcode and a length before
# each record, and a footer, which here says that there is no index.
_MCAP_MAGIC = b"\x89MCAP0\r\n"
_MCAP_RECORD = struct.Struct("<BQ")
_MCAP_NO_RECORD, _MCAP_FOOTER, _MCAP_DATA_END = 0x00, 0x02, 0x0F
_MCAP_END = _MCAP_RECORD.pack(_MCAP_FOOTER, 20) + bytes(20) + _MCAP_MAGIC


def record_ends(path: Path) -> list[int]:
    """Where each whole record of an MCAP file's data ends; raises DataError without any."""
    size = path.stat().st_size
    ends: list[int] = []
    with path.open("rb") as file:
        at = len(_MCAP_MAGIC) if file.read(len(_MCAP_MAGIC)) == _MCAP_MAGIC else size
        while at + _MCAP_RECORD.size <= size:
            file.seek(at)
            opcode, length = _MCAP_RECORD.unpack(file.read(_MCAP_RECORD.size))
            at += _MCAP_RECORD.size + length
            if opcode in (_MCAP_NO_RECORD, _MCAP_FOOTER, _MCAP_DATA_END) or at > size:
                break
            ends.append(at)
    if not ends:
        raise DataError(f"{path} holds no MCAP record")
    return ends


class MendedFile:
    """An MCAP file's first ``size`` bytes with an end, as a path that rosbags can open."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.suffix = path.suffix

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Whether the file exists."""
        return self._path.exists()

    def is_dir(self) -> bool:
        """False: it is a file."""
        return False

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open the file as it is with the missing end."""
        return io.BufferedReader(_MendedBytes(self._path, self._size))


class _MendedBytes(io.RawIOBase):
    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("rb")
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        whole = self._size + len(_MCAP_END)
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: whole}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._size:
            self._file.seek(self._at)
            data = self._file.read(min(len(buffer), self._size - self._at))
        else:
            data = _MCAP_END[self._at - self._size :][: len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
