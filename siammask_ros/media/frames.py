"""Pictures with their time from a video file, a folder of images, a bag or a camera.

``for frame in open_source("cat.mp4"): frame.number, frame.image_bgr, frame.stamp_s``
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np

from siammask_ros.errors import DataError
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.image_files import IMAGE_SUFFIXES, Image, is_image_file, read_image
from siammask_ros.media.natural_order import in_natural_order

if TYPE_CHECKING:
    from siammask_ros.media.bags import BagSource

BAG_SUFFIXES = (".db3", ".mcap")
BAG_METADATA = "metadata.yaml"
FOLDER_FPS = 25.0
# Only these formats count their frames; in others the number is duration times rate, so a sound
# track that runs on after the picture would look like damage.
_COUNTED_SUFFIXES = (".avi", ".m4v", ".mov", ".mp4")
_SPARE_FRAMES = 2


class Origin(NamedTuple):
    """What a recorded message says of its picture; ``stamp_ns`` 0 where it says no time."""

    stamp_ns: int
    frame_id: str
    recorded_ns: int


class SourceFrame(NamedTuple):
    """One picture: its number in the source, (H, W, 3) uint8 BGR, seconds since the start.

    One from a bag is read-only and has an ``origin``.
    """

    number: int
    image_bgr: Image
    stamp_s: float
    origin: Origin | None = None


class Source(Protocol):
    """Pictures of one size, in order. Files can be iterated again, a camera cannot.

    ``size`` is (height, width) in pixels, ``length`` the number of pictures, or None where
    nobody knows. Iterating raises DataError at the picture that cannot be read; all before it
    have been given by then.
    """

    @property
    def name(self) -> str: ...

    @property
    def fps(self) -> float: ...

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def length(self) -> int | None: ...

    def __iter__(self) -> Iterator[SourceFrame]: ...


def open_source(
    source: str | Path | int, first: int = 0, last: int | None = None, topic: str = ""
) -> Source:
    """What ``source`` names: a camera by its number, a folder of images, a bag, or a video file.

    Only pictures ``first`` to ``last`` (inclusive; None: to the end) are given, and they keep
    their numbers and times. ``topic`` says which images of a bag; it may be left out where there
    is only one kind. Raises DataError where there is nothing to read.
    """
    if first < 0 or (last is not None and last < first):
        raise DataError(f"frames {first} to {last} are no stretch; expected 0 <= first <= last")
    if topic and not is_bag(source):
        raise DataError(f"{source} is no bag and has no topic {topic}; leave the topic out")
    if str(source).isdecimal():
        return CameraSource.opened(int(str(source)))
    path = Path(str(source)).expanduser()
    if not path.exists():
        raise DataError(
            f"{path} does not exist; expected a video file, a folder of images, a bag or a camera "
            "number"
        )
    whole = _opened(path, topic)
    if first >= (whole.length or first + 1):
        raise DataError(f"{path} has {whole.length} frames; expected more than {first}")
    return replace(whole, first=first, last=last)


def is_bag(source: str | Path | int) -> bool:
    """Whether this names a rosbag2: its folder, or one of the files in it."""
    path = Path(str(source)).expanduser()
    if not path.is_dir():
        return path.suffix in BAG_SUFFIXES
    return any(each.suffix in BAG_SUFFIXES or each.name == BAG_METADATA for each in path.iterdir())


def _opened(path: Path, topic: str) -> FolderSource | VideoSource | BagSource:
    if is_bag(path):
        from siammask_ros.media.bags import BagSource

        return BagSource.opened(path, topic)
    return FolderSource.opened(path) if path.is_dir() else VideoSource.opened(path)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The images of a folder, in natural order, as if taken at ``fps``."""

    name: str
    paths: tuple[Path, ...]
    size: tuple[int, int]
    fps: float = FOLDER_FPS
    first: int = 0
    last: int | None = None

    @classmethod
    def opened(cls, folder: Path) -> FolderSource:
        """The folder's images; raises DataError where there are none."""
        paths = tuple(in_natural_order(filter(is_image_file, folder.iterdir())))
        if not paths:
            raise DataError(f"{folder} holds no images; expected {' '.join(IMAGE_SUFFIXES)}")
        return cls(str(folder), paths, size_of(read_image(paths[0])))

    @property
    def length(self) -> int:
        return stretch_length(len(self.paths), self.first, self.last)

    def __iter__(self) -> Iterator[SourceFrame]:
        stretch = ContrastStretch()
        for index in range(self.first, self.first + self.length):
            path = self.paths[index]
            image = read_image(path, stretch)
            if size_of(image) != self.size:
                raise DataError(
                    f"frame {index} ({path}) is {in_words(size_of(image))}; expected "
                    f"{in_words(self.size)} like the first one"
                )
            yield SourceFrame(index, image, index / self.fps)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """The frames of a video file; ``total`` is None where the file does not say."""

    name: str
    size: tuple[int, int]
    fps: float
    total: int | None
    first: int = 0
    last: int | None = None

    @classmethod
    def opened(cls, path: Path) -> VideoSource:
        """The file's video; raises DataError where there is none to decode."""
        capture = _capture(str(path))
        try:
            ok, image = capture.read()
            if not ok:
                raise DataError(
                    f"{path} has no frame that can be decoded; is it a video, and complete?"
                )
            fps = capture.get(cv2.CAP_PROP_FPS)
            total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        finally:
            capture.release()
        known = fps if np.isfinite(fps) and 0 < fps <= 1000 else FOLDER_FPS
        return cls(str(path), size_of(image), known, total if total > 0 else None)

    @property
    def length(self) -> int | None:
        if self.total is None:
            return None
        return stretch_length(self.total, self.first, self.last)

    def __iter__(self) -> Iterator[SourceFrame]:
        capture = _capture(self.name)
        try:
            index = 0
            while (self.last is None or index <= self.last) and capture.grab():
                if index >= self.first:
                    yield SourceFrame(index, self._decoded(capture, index), index / self.fps)
                index += 1
        finally:
            capture.release()
        self._check_complete(index)

    def _decoded(self, capture: Any, index: int) -> Image:
        ok, image = capture.retrieve()
        if not ok or size_of(image) != self.size:
            raise DataError(f"frame {index} of {self.name} cannot be decoded; is the file damaged?")
        return np.asarray(image, np.uint8)

    def _check_complete(self, read: int) -> None:
        """Raises DataError where the frames ended before the file's own count."""
        if self.total is None:
            return
        counted = Path(self.name).suffix.lower() in _COUNTED_SUFFIXES
        spare = _SPARE_FRAMES if counted else max(_SPARE_FRAMES, round(self.fps))
        wanted = self.total if self.last is None else min(self.total, self.last + 1)
        if read < wanted - spare:
            raise DataError(
                f"{self.name} ends at frame {read} of {self.total}: the file is cut off or damaged "
                "from there on"
            )


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera's pictures, newest as the driver gives them; stamped with the monotonic clock."""

    name: str
    size: tuple[int, int]
    fps: float
    capture: Any

    @classmethod
    def opened(cls, number: int) -> CameraSource:
        """The camera; raises DataError where it gives no picture."""
        capture = cv2.VideoCapture(number)
        ok, image = capture.read() if capture.isOpened() else (False, None)
        if not ok:
            capture.release()
            raise DataError(f"camera {number} gives no picture; is it plugged in and free?")
        fps = capture.get(cv2.CAP_PROP_FPS)
        return cls(f"camera {number}", size_of(image), fps if fps > 0 else FOLDER_FPS, capture)

    @property
    def length(self) -> None:
        return None

    def __iter__(self) -> Iterator[SourceFrame]:
        start_s = time.monotonic()
        index = 0
        try:
            while True:
                ok, image = self.capture.read()
                if not ok:
                    raise DataError(f"{self.name} stopped giving pictures at frame {index}")
                yield SourceFrame(index, image, time.monotonic() - start_s)
                index += 1
        finally:
            self.capture.release()


def _capture(name: str) -> Any:
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise DataError(f"{name} cannot be opened; expected a video file that FFmpeg can read")
    return capture


def size_of(image: Any) -> tuple[int, int]:
    """Height and width of a picture in pixels."""
    return int(image.shape[0]), int(image.shape[1])


def in_words(size: tuple[int, int]) -> str:
    """A size (height, width) as people write it."""
    return f"{size[1]}×{size[0]}"


def stretch_length(total: int, first: int, last: int | None) -> int:
    """How many of ``total`` pictures are among those from ``first`` to ``last``."""
    end = total if last is None else min(total, last + 1)
    return max(end - first, 0)
