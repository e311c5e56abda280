"""Results kept on disk: an annotated video, and JSON lines. Neither replaces what is there."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError

MIN_FREE_BYTES = 128 * 1024 * 1024
# What the pip wheels of OpenCV can encode: players read all three, browsers only the second.
_CODECS = {".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}


def checked_output(path: Path, overwrite: bool = False) -> Path:
    """The path of a file that may be written now, its folder made.

    Raises DataError where a file is already there and may not be replaced, or the folder cannot
    be made.
    """
    if path.is_dir() or (path.exists() and not overwrite):
        raise DataError(f"{path} exists already and is not replaced; choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent} cannot be made: {error.strerror}") from error
    return path


def check_space(path: Path, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Raises DataError where the disk of a file has no more than so many bytes left."""
    free = shutil.disk_usage(path.parent).free
    if free < min_free_bytes:
        raise DataError(
            f"{free // 2**20} MiB are free for {path}; expected at least "
            f"{min_free_bytes // 2**20} MiB. Recording has stopped"
        )


class VideoRecorder:
    """Writes pictures (H, W, 3) uint8 BGR of one size to a video file: .mp4, .webm or .avi.

    Stops with DataError before the disk is full, so that the file can be closed and read. A
    context manager; ``close`` checks that what was written can be read. No picture, no file.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        size: tuple[int, int],
        *,
        overwrite: bool = False,
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        """Opens the file for pictures of ``size`` (height, width); raises DataError."""
        if path.suffix.lower() not in _CODECS:
            raise DataError(f"{path} is no video that can be written; expected {_known()}")
        self.path = checked_output(path, overwrite)
        self.size = size
        self.count = 0
        self._min_free_bytes = min_free_bytes
        check_space(self.path, self._min_free_bytes)
        code = cv2.VideoWriter.fourcc(*_CODECS[path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, (size[1], size[0]))
        if not self._writer.isOpened():
            raise DataError(f"{path} cannot be written; is its folder writable?")

    def write(self, image: NDArray[np.uint8]) -> None:
        """Adds a picture; raises DataError for another size or when the disk is nearly full."""
        if image.shape != (*self.size, 3):
            raise DataError(f"picture is {image.shape}; {self.path} takes {(*self.size, 3)}")
        check_space(self.path, self._min_free_bytes)
        self._writer.write(image)
        self.count += 1

    def close(self) -> None:
        """Finishes the file; raises DataError where fewer pictures can be read than were written.

        OpenCV's writer itself says nothing when the disk refuses to take more.
        """
        if not self._writer.isOpened():
            return
        self._writer.release()
        if self.count == 0:
            self.path.unlink(missing_ok=True)
            return
        readable = _readable_frames(self.path)
        if readable < self.count:
            raise DataError(
                f"{self.path} holds {readable} of {self.count} pictures: writing failed. Is the "
                "disk full?"
            )

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
        else:
            self._writer.release()


def _readable_frames(path: Path) -> int:
    """How many frames the file says it has, 0 where it cannot be opened or decoded."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or not capture.grab():
            return 0
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()


def _known() -> str:
    return ", ".join(_CODECS)


class JsonLines:
    """Writes a line of JSON for every row; every line in the file is whole.

    Stops with DataError before the disk is full. A context manager. No row, no file.
    """

    def __init__(
        self, path: Path, *, overwrite: bool = False, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        """Opens the file; raises DataError where it may not or cannot be written."""
        self.path = checked_output(path, overwrite)
        self._min_free_bytes = min_free_bytes
        self._whole_bytes = 0
        check_space(path, min_free_bytes)
        self._file: IO[bytes]
        try:
            # Without a buffer, what could not be written is not tried again at the end.
            self._file = path.open("wb" if overwrite else "xb", buffering=0)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds a row; a number that is not finite becomes null.

        Raises DataError when the disk is nearly full or takes no more.
        """
        check_space(self.path, self._min_free_bytes)
        line = json.dumps(plain(row), allow_nan=False).encode() + b"\n"
        try:
            complete = self._file.write(line) == len(line)
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error
        if not complete:
            self._file.truncate(self._whole_bytes)
            raise DataError(f"{self.path} cannot be written: the disk is full")
        self._whole_bytes += len(line)

    def close(self) -> None:
        """Finishes the file."""
        self._file.close()
        if not self._whole_bytes and self.path.is_file():
            self.path.unlink()

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def plain(value: Any) -> Any:
    """The value as JSON knows it: arrays as lists, floats to 4 places, null for NaN and inf."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), 4) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
