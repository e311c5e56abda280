"""Masks kept as a PNG for every frame, in the format of DAVIS and YouTube-VOS."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.labels import voc_palette
from siammask_ros.media.recording import check_space

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE_COLOURS, _BIT_DEPTH = 3, 8


class MaskImages:
    """Writes the labels of frames to a folder, one PNG a frame.

    Raises DataError where the folder holds something already and may not be written to, or the
    disk is nearly full. With ``overwrite`` images of the same names are replaced.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        self.path = check_output_folder(folder, overwrite)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder} cannot be made: {error.strerror}") from error

    def write(self, name: str, labels: NDArray[np.uint8]) -> None:
        """Adds ``labels`` (H, W), 0 for no target, as ``name``.png."""
        path = self.path / f"{name}.png"
        check_space(path)
        try:
            path.write_bytes(encode_palette_png(labels))
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is left to do: every image is whole."""


def check_output_folder(folder: Path, overwrite: bool = False) -> Path:
    """The path of a folder that new files may be written to; raises DataError."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; expected the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise DataError(f"{folder} is not empty; choose another folder")
    return folder


def encode_palette_png(labels: NDArray[np.uint8]) -> bytes:
    """A PNG with a palette, whose pixel values are ``labels`` (H, W) uint8."""
    height, width = labels.shape
    header = struct.pack(">IIBBBBB", width, height, _BIT_DEPTH, _PALETTE_COLOURS, 0, 0, 0)
    # Each line begins with the number of its filter: none.
    lines = np.hstack([np.zeros((height, 1), np.uint8), labels]).tobytes()
    return (
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", voc_palette().tobytes())
        + _chunk(b"IDAT", zlib.compress(lines, 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check
