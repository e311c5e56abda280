"""Images with their time from a video, a folder of images, a bag or a camera.

``for frame in open_source("cat.mp4"): frame.number, frame.image_bgr, frame.stamp_s``
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2

from siammask_ros.errors import DataError
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.file_kinds import why_no_video
from siammask_ros.media.image_files import IMAGE_SUFFIXES, Image, is_image_file, read_image
from siammask_ros.media.natural_order import in_natural_order

if TYPE_CHECKING:
    from siammask_ros.media.bags import BagSource
    from siammask_ros.media.videos import VideoSource

BAG_SUFFIXES = (".db3", ".mcap")
BAG_METADATA = "metadata.yaml"
FOLDER_FPS = 25.0
# An index of a camera; OpenCV takes larger ones for the number of a backend.
_MAX_CAMERA = 99
_VIDEO_DEVICE = re.compile(r"/dev/video([0-9]+)")


class Origin(NamedTuple):
    """What a recorded message says of its image; ``stamp_ns`` 0 where it says no time."""

    stamp_ns: int
    frame_id: str
    recorded_ns: int


class SourceFrame(NamedTuple):
    """One image: its number in the source, (H, W, 3) uint8 BGR, seconds since the start.

    One from a bag is read-only and has an ``origin``; one from a folder names its ``file``.
    """

    number: int
    image_bgr: Image
    stamp_s: float
    origin: Origin | None = None
    file: str = ""


class Source(Protocol):
    """Images of one size, in order. Files can be iterated again, a camera cannot.

    ``size`` is (height, width) in pixels, ``length`` the number of images, or None where the
    source does not know it. Iterating raises DataError at an image that cannot be read, after
    the images before it.
    """

    @property
    def name(self) -> str:
        """Name of the source for people."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images."""

    @property
    def length(self) -> int | None:
        """Number of frames, None if it is not known before they are read."""

    def __iter__(self) -> Iterator[SourceFrame]: ...


def open_source(
    source: str | Path | int, first: int = 0, last: int | None = None, topic: str = ""
) -> Source:
    """What ``source`` names: a folder of images, a bag, a video file or address, a camera's number.

    Only images ``first`` to ``last`` (inclusive; None: to the end) are given, and they keep
    their numbers and times. ``topic`` says which images of a bag; it may be left out where there
    is only one kind. Raises DataError where there is nothing to read.
    """
    if first < 0 or (last is not None and last < first):
        raise DataError(f"frames {first} to {last} are no stretch; expected 0 <= first <= last")
    whole = _open(str(source), topic)
    if first >= (whole.length or first + 1):
        raise DataError(f"{whole.name} has {whole.length} frames; expected more than {first}")
    return whole if isinstance(whole, CameraSource) else replace(whole, first=first, last=last)


def is_bag(source: str | Path | int) -> bool:
    """Whether this names a rosbag2: its folder, or one of the files in it."""
    path = Path(str(source)).expanduser()
    if not path.is_dir():
        return path.suffix in BAG_SUFFIXES
    return any(each.suffix in BAG_SUFFIXES or each.name == BAG_METADATA for each in path.iterdir())


def _open(source: str, topic: str) -> FolderSource | VideoSource | BagSource | CameraSource:
    """All of what a source names. A path that exists is meant before anything else."""
    from siammask_ros.media.videos import VideoSource, is_address

    path = Path(source).expanduser()
    is_path = bool(source) and path.exists()
    if is_path and is_bag(path):
        from siammask_ros.media.bags import BagSource

        return BagSource.open(path, topic)
    if path.is_fifo():
        raise DataError(f"{path} is a pipe, which can be read only once; expected a video file")
    if path.is_file() and (reason := why_no_video(path)):
        raise DataError(f"{path} {reason}")
    if topic:
        raise DataError(f"{source} is no bag and has no topic {topic}; leave the topic out")
    device = _VIDEO_DEVICE.fullmatch(str(path.resolve()))
    if device or (source.isdecimal() and not is_path):
        return CameraSource.open(int(device.group(1) if device else source))
    if is_path:
        return FolderSource.open(path) if path.is_dir() else VideoSource.of_file(path)
    if is_address(source):
        return VideoSource.of_address(source)
    raise DataError(
        f"{source or 'a source without a name'} does not exist; expected a video file, a folder of "
        "images, a bag, an address (rtsp://…) or a camera number"
    )


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
    def open(cls, folder: Path) -> FolderSource:
        """The folder's images; raises DataError where there are none."""
        paths = tuple(in_natural_order(filter(is_image_file, folder.iterdir())))
        if not paths:
            raise DataError(f"{folder} holds no images; expected {' '.join(IMAGE_SUFFIXES)}")
        return cls(str(folder), paths, size_of(read_image(paths[0])))

    @property
    def length(self) -> int:
        """Number of images."""
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
            yield SourceFrame(index, image, index / self.fps, file=path.name)


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera's images, newest as the driver gives them; stamped with the monotonic clock."""

    name: str
    size: tuple[int, int]
    fps: float
    capture: Any

    @classmethod
    def open(cls, number: int) -> CameraSource:
        """The camera; raises DataError where it gives no image."""
        if number > _MAX_CAMERA:
            raise DataError(f"there is no camera {number}; expected a number up to {_MAX_CAMERA}")
        capture = cv2.VideoCapture(number)
        ok, image = capture.read() if capture.isOpened() else (False, None)
        if not ok:
            capture.release()
            raise DataError(f"camera {number} gives no image; is it plugged in and free?")
        fps = capture.get(cv2.CAP_PROP_FPS)
        return cls(f"camera {number}", size_of(image), fps if fps > 0 else FOLDER_FPS, capture)

    @property
    def length(self) -> None:
        """None: a camera has no last frame."""
        return None

    def __iter__(self) -> Iterator[SourceFrame]:
        start_s = time.monotonic()
        index = 0
        try:
            while True:
                ok, image = self.capture.read()
                if not ok:
                    raise DataError(f"{self.name} stopped giving images at frame {index}")
                yield SourceFrame(index, image, time.monotonic() - start_s)
                index += 1
        finally:
            self.capture.release()


def size_of(image: Any) -> tuple[int, int]:
    """Height and width of an image in pixels."""
    return int(image.shape[0]), int(image.shape[1])


def in_words(size: tuple[int, int]) -> str:
    """A size (height, width) as people write it."""
    return f"{size[1]}×{size[0]}"


def stretch_length(total: int, first: int, last: int | None) -> int:
    """How many of ``total`` images are among those from ``first`` to ``last``."""
    end = total if last is None else min(total, last + 1)
    return max(end - first, 0)
