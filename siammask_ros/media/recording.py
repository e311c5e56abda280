"""Results kept on disk: an annotated video, and JSON lines. Neither replaces what is there."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.encoders import Encoder, check_suffix, open_encoder

MIN_FREE_BYTES = 128 * 1024 * 1024


# Names of this process's own standard output, which may be a file and yet is not replaced.
_STANDARD_OUTPUT = (Path("-"), Path("/dev/stdout"), Path("/dev/fd/1"))


def is_standard_output(path: Path) -> bool:
    """Whether this names the standard output: ``-`` or ``/dev/stdout``."""
    return path in _STANDARD_OUTPUT


def is_stream(path: Path) -> bool:
    """Whether what is written here is handed on and not kept: standard output, a pipe, a device."""
    return is_standard_output(path) or (path.exists() and not path.is_file() and not path.is_dir())


def check_output_file(path: Path, overwrite: bool = False) -> Path:
    """The path of a file that may be written now, its folder made.

    Raises DataError where a file is already there and may not be replaced, or the folder cannot
    be made.
    """
    if is_stream(path):
        return path
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists already and is not replaced; choose another name")
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent} cannot be made: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path} cannot be written; expected a folder that this user may write to")
    return path


def check_space(path: Path) -> None:
    """Raises DataError where the disk of a file has fewer than MIN_FREE_BYTES left."""
    free = shutil.disk_usage(path.parent).free
    if free < MIN_FREE_BYTES:
        raise DataError(
            f"{free // 2**20} MiB are free for {path}; expected at least "
            f"{MIN_FREE_BYTES // 2**20} MiB. Recording has stopped"
        )


class VideoRecorder:
    """Writes images (H, W, 3) uint8 BGR of one size to a video file: .mp4, .webm or .avi.

    An odd width or height is padded by repeating the last column or row: video formats keep
    colour for two by two pixels. Stops with DataError before the disk is full, so that the file
    can be closed and read. A context manager; ``close`` checks that what was written can be read.
    No image, no file.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        size: tuple[int, int],
        *,
        overwrite: bool = False,
    ) -> None:
        """Opens the file for images of ``size`` (height, width); raises DataError."""
        check_suffix(path)
        self.path = check_output_file(path, overwrite)
        self.size = size
        self.count = 0
        self._pad = (size[0] % 2, size[1] % 2)
        check_space(self.path)
        even = (size[0] + self._pad[0], size[1] + self._pad[1])
        self._encoder: Encoder | None = open_encoder(path, fps, even)

    def write(self, image: NDArray[np.uint8]) -> None:
        """Adds an image; raises DataError for another size or when the disk is nearly full."""
        if image.shape != (*self.size, 3):
            raise DataError(f"image is {image.shape}; {self.path} takes {(*self.size, 3)}")
        check_space(self.path)
        if self._encoder is None:
            raise DataError(f"{self.path} is closed; it takes no more images")
        if any(self._pad):
            bottom, right = self._pad
            padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            image = np.asarray(padded, np.uint8)
        self._encoder.write(image)
        self.count += 1

    def close(self) -> None:
        """Finishes the file; raises DataError where fewer images can be read than were written."""
        if self._encoder is None:
            return
        self._release()
        if self.count == 0:
            self.path.unlink(missing_ok=True)
            return
        readable = _readable_frames(self.path)
        if readable < self.count:
            raise DataError(
                f"{self.path} holds {readable} of {self.count} images: writing failed. Is the "
                "disk full?"
            )

    def _release(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.close()

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or self.count == 0:
            self.close()
            return
        # What is raised already tells more than that the file's end fails, too.
        with suppress(DataError):
            self._release()


def _readable_frames(path: Path) -> int:
    """How many frames the file says it has, 0 where it cannot be opened or decoded."""
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            return 0
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()


class JsonLines:
    """Writes a line of JSON for every row; every line in the file is whole.

    Stops with DataError before the disk is full. A context manager. No row, no file.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Opens the file, or takes the standard output for ``-``; raises DataError."""
        self.path = check_output_file(path, overwrite)
        self._is_stream = is_stream(path)
        self._whole_bytes = 0
        if not self._is_stream:
            check_space(path)
        try:
            self._file = _open(path, overwrite or self._is_stream)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds a row; a number that is not finite becomes null.

        Raises DataError when the disk is nearly full or takes no more.
        """
        if not self._is_stream:
            check_space(self.path)
        line = json.dumps(plain(row), allow_nan=False).encode() + b"\n"
        try:
            written = self._file.write(line)
            # A pipe may take a part at a time.
            while self._is_stream and written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error
        if written < len(line):
            self._file.truncate(self._whole_bytes)
            raise DataError(f"{self.path} cannot be written: the disk is full")
        self._whole_bytes += len(line)

    def close(self) -> None:
        """Finishes the file."""
        self._file.close()
        if not self._whole_bytes and not self._is_stream and self.path.is_file():
            self.path.unlink()

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path, overwrite: bool) -> IO[bytes]:
    """The file without a buffer: what could not be written is not tried again at the end."""
    if is_standard_output(path):
        sys.stdout.flush()
        return open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    return path.open("wb" if overwrite else "xb", buffering=0)


def plain(value: Any, decimals: int = 4) -> Any:
    """The value as JSON knows it: arrays as lists, floats rounded, null for NaN and inf."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, decimals) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype.kind in "iu" else plain(value.tolist(), decimals)
    if isinstance(value, (list, tuple)):
        return [plain(item, decimals) for item in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), decimals) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
