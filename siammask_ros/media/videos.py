"""Videos as sources of frames: files, and streams from the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np

from siammask_ros.errors import DataError
from siammask_ros.media.frames import FOLDER_FPS, SourceFrame, size_of, stretch_length
from siammask_ros.media.image_files import Image, name_for_opencv
from siammask_ros.media.mp4 import count_frames

# What FFmpeg reads from the network and a camera or server speaks.
SCHEMES = ("http", "https", "rtmp", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp")
# Until a stream is open, and from one of its frames to the next.
TIMEOUT_S = 10.0
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# In the headers of AVI the frames are counted. In other formats OpenCV gives duration times rate,
# and the sound may run on after the last frame.
_COUNTED_SUFFIX = ".avi"
_SPARE_FRAMES = 2
_SPARE_S = 1.0


def is_address(source: str) -> bool:
    """Return whether this is an address with a scheme, such as rtsp://camera/stream."""
    return _ADDRESS.match(source) is not None


@dataclass(frozen=True, slots=True)
class VideoSource:
    """The frames of a video, with the container's own times.

    ``address`` is what FFmpeg opens. ``total`` is None where the video does not say how many frames
    it has; it ``is_counted``, or else computed from duration and rate. A stream ``is_live`` where
    it has no end.
    """

    name: str
    address: str
    size: tuple[int, int]
    fps: float
    total: int | None
    is_counted: bool
    is_live: bool = False
    first: int = 0
    last: int | None = None

    @classmethod
    def of_file(cls, path: Path) -> VideoSource:
        """Open a file; raises DataError where there is no video to decode."""
        # FFmpeg takes what stands before a colon for a protocol, but not in an absolute path.
        address = name_for_opencv(path.absolute())
        size, fps, total = _properties(address, str(path))
        shown = count_frames(path)
        is_counted = shown is not None or path.suffix.lower() == _COUNTED_SUFFIX
        return cls(str(path), address, size, fps, shown or total, is_counted)

    @classmethod
    def of_address(cls, address: str) -> VideoSource:
        """Open a stream from the network; raises DataError where none comes in TIMEOUT_S."""
        scheme = urlsplit(address).scheme.lower()
        if scheme not in SCHEMES:
            raise DataError(f"{scheme}:// cannot be read; expected one of: {', '.join(SCHEMES)}")
        name = _without_password(address)
        size, fps, total = _properties(address, name)
        return cls(name, address, size, fps, total, is_counted=False, is_live=total is None)

    @property
    def length(self) -> int | None:
        """How many frames of it are given, or None."""
        if self.total is None:
            return None
        return stretch_length(self.total, self.first, self.last)

    def __iter__(self) -> Iterator[SourceFrame]:
        capture = _capture(self.address, self.name)
        times = _FrameTimes(self.fps)
        index = 0
        try:
            while (self.last is None or index <= self.last) and capture.grab():
                stamp_s = times.next_s(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
                if index >= self.first:
                    yield SourceFrame(index, self._decode(capture, index), stamp_s)
                index += 1
        finally:
            capture.release()
        if self.last is None or index <= self.last:
            self._check_end(index, times.last_s)

    def _decode(self, capture: Any, index: int) -> Image:
        ok, image = capture.retrieve()
        if not ok or size_of(image) != self.size:
            raise DataError(f"frame {index} of {self.name} cannot be decoded; is the file damaged?")
        return np.asarray(image, np.uint8)

    def _check_end(self, read: int, last_s: float) -> None:
        """Raise DataError where the frames ended before the video does."""
        if self.is_live:
            raise DataError(f"{self.name} stopped giving frames at frame {read}")
        if self.total is None:
            return
        duration_s = self.total / self.fps
        is_cut = (
            read < self.total - _SPARE_FRAMES if self.is_counted else last_s + _SPARE_S < duration_s
        )
        if is_cut:
            raise DataError(
                f"{self.name} ends at frame {read} of {self.total}: the file is cut off or damaged "
                "from there on"
            )


class _FrameTimes:
    """The times of a video's frames in seconds since the first, growing from frame to frame.

    They are the container's. Where it has none, or they do not grow, a frame comes one period
    after the one before.
    """

    def __init__(self, fps: float) -> None:
        self._period_s = 1 / fps
        self._first_s: float | None = None
        self.last_s = 0.0

    def next_s(self, container_s: float) -> float:
        """Return the time of the next frame, which the container gives this one."""
        if self._first_s is None:
            self._first_s = container_s
            return 0.0
        since_first_s = container_s - self._first_s
        is_later = since_first_s > self.last_s
        self.last_s = since_first_s if is_later else self.last_s + self._period_s
        return self.last_s


def _properties(address: str, name: str) -> tuple[tuple[int, int], float, int | None]:
    """Size, frames a second, and how many there are or None; raises DataError."""
    capture = _capture(address, name)
    try:
        ok, image = capture.read()
        if not ok:
            raise DataError(
                f"{name} has no frame that can be decoded; is it a video, and complete?"
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    known = fps if np.isfinite(fps) and 0 < fps <= 1000 else FOLDER_FPS
    return size_of(image), known, total if total > 0 else None


def _capture(address: str, name: str) -> Any:
    timeout_ms = round(1e3 * TIMEOUT_S)
    is_network = is_address(address)
    timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
    parameters = (
        [value for timeout in timeouts for value in (timeout, timeout_ms)] if is_network else []
    )
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, parameters)
    if not capture.isOpened():
        capture.release()
        if is_network:
            raise DataError(
                f"{name} gives no video within {TIMEOUT_S:g} s; is the address right, the server "
                "there and its format known to FFmpeg?"
            )
        raise DataError(f"{name} cannot be opened; expected a video file that FFmpeg can read")
    return capture


def _without_password(address: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
