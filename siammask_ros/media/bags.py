"""Images from a rosbag2, SQLite3 or MCAP, without ROS."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from siammask_ros.errors import DataError, ImageError
from siammask_ros.media.bag_files import Bag, BagDamage, Message, open_bag
from siammask_ros.media.bag_types import COMPRESSED_IMAGE, IMAGE, standard_types
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.file_kinds import ZSTD
from siammask_ros.media.frames import (
    FOLDER_FPS,
    Origin,
    SourceFrame,
    in_words,
    size_of,
    stretch_length,
)
from siammask_ros.media.image_messages import (
    MAX_SIDE_PX,
    NANOSECONDS,
    ImageArray,
    decode_to_bgr,
    image_to_bgr,
    stamp_ns,
)

_CONVERSIONS = {IMAGE: image_to_bgr, COMPRESSED_IMAGE: decode_to_bgr}
# So many stamps tell how many images come in a second.
_TIMED_IMAGES = 32


@dataclass(frozen=True, slots=True)
class BagSource:
    """One topic's images, in the order of their recording, with the stamps of their headers.

    Times count from ``start_ns``, the first image's stamp. ``total`` is None where a damaged bag
    does not say how many there are.
    """

    name: str
    topic: str
    size: tuple[int, int]
    fps: float
    total: int | None
    start_ns: int
    first: int = 0
    last: int | None = None

    @classmethod
    def open(cls, path: Path, topic: str = "") -> BagSource:
        """The bag's images; raises DataError where there are none.

        ``topic`` may be left empty where only one topic holds images.
        """
        with open_bag(path) as bag:
            chosen = _choose_topic(bag, topic, path)
            images = _images(bag, chosen, path)
            first = next(images, None)
            if first is None:
                raise DataError(f"{path} holds no image on {chosen}")
            # Reading says how the range is used; to say it here, too, would be once too often.
            size = size_of(first.decode(path, ContrastStretch(is_silent=True)))
            times_ns = [first.time_ns, *_times_ns(images)]
            total = bag.topics[chosen].total
        return cls(str(path), chosen, size, _rate(times_ns), total, times_ns[0])

    @property
    def length(self) -> int | None:
        """Number of frames, None if it is not known before they are read."""
        return None if self.total is None else stretch_length(self.total, self.first, self.last)

    def __iter__(self) -> Iterator[SourceFrame]:
        path = Path(self.name)
        read = 0
        stretch = ContrastStretch()
        with open_bag(path) as bag:
            for image in _images(bag, self.topic, path):
                if self.last is not None and image.number > self.last:
                    return
                read += 1
                if image.number >= self.first:
                    yield self._frame(image, path, stretch)
        if self.total is not None and read < self.total:
            raise DataError(f"{self.name} ends at frame {read} of {self.total}: it is damaged")

    def _frame(self, image: _Image, path: Path, stretch: ContrastStretch) -> SourceFrame:
        decoded = image.decode(path, stretch)
        if size_of(decoded) != self.size:
            raise DataError(
                f"frame {image.number} of {path} is {in_words(size_of(decoded))}; expected "
                f"{in_words(self.size)} like the first one"
            )
        stamp_s = (image.time_ns - self.start_ns) / NANOSECONDS
        return SourceFrame(image.number, decoded, stamp_s, image.origin)


class _Image(NamedTuple):
    """A message with its number in the topic, from 0; its image is not decoded yet."""

    number: int
    kind: str
    message: Any
    origin: Origin

    @property
    def time_ns(self) -> int:
        """When it was taken, or recorded where its header has no stamp."""
        return self.origin.stamp_ns or self.origin.recorded_ns

    def decode(self, path: Path, stretch: ContrastStretch) -> ImageArray:
        """The image; raises DataError where there is none in it."""
        try:
            return _CONVERSIONS[self.kind](self.message, MAX_SIDE_PX, stretch)
        except ImageError as error:
            raise DataError(f"frame {self.number} of {path} cannot be read: {error}") from error


def _images(bag: Bag, topic: str, path: Path) -> Iterator[_Image]:
    """The topic's images; raises DataError, which names the frame, where the bag is damaged."""
    number = 0
    try:
        for message in bag.messages(topic):
            yield _image(number, message, path)
            number += 1
    except BagDamage as error:
        raise DataError(f"{path} ends at frame {number}: {error}") from error


def _image(number: int, message: Message, path: Path) -> _Image:
    try:
        fields = standard_types().deserialize_cdr(message.data, message.kind)
        header = fields.header
        origin = Origin(stamp_ns(header), str(header.frame_id), message.recorded_ns)
    except ImageError as error:
        raise DataError(f"frame {number} of {path} cannot be read: {error}") from error
    except Exception as error:
        if message.data[: len(ZSTD)] == ZSTD:
            raise DataError(
                f"the messages of {path} are compressed with zstd; give the bag's folder with its "
                "metadata.yaml"
            ) from error
        # Bytes that are no such message make rosbags raise whatever its parser stumbled on.
        raise DataError(
            f"frame {number} of {path} is no {message.kind}: {error or type(error).__name__}"
        ) from error
    return _Image(number, message.kind, fields, origin)


def _choose_topic(bag: Bag, topic: str, path: Path) -> str:
    """The image topic that is asked for, or the only one; raises DataError naming them all."""
    names = sorted(name for name, each in bag.topics.items() if each.kind in _CONVERSIONS)
    there_are = f"its image topics: {', '.join(names)}" if names else "it has no image topic"
    if topic in names:
        return topic
    if topic:
        raise DataError(f"{path} has no images on {topic}; {there_are}")
    if len(names) != 1:
        raise DataError(f"{path} needs a topic (--topic); {there_are}")
    return names[0]


def _times_ns(images: Iterator[_Image]) -> Iterator[int]:
    """When the next images were taken, as far as they can be read."""
    try:
        for image in islice(images, _TIMED_IMAGES):
            yield image.time_ns
    except DataError:
        pass  # is said when the images are read


def _rate(times_ns: list[int]) -> float:
    """Images per second, from the median time between two."""
    steps_ns = [after - before for before, after in pairwise(times_ns) if after > before]
    return NANOSECONDS / statistics.median(steps_ns) if steps_ns else FOLDER_FPS
