"""Results kept as a rosbag2, on the topics and in the messages of the tracker node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.bag_types import COMPRESSED_IMAGE, DETECTIONS, IMAGE, TRACKS, result_types
from siammask_ros.media.frames import BAG_METADATA, BAG_SUFFIXES, Origin, SourceFrame
from siammask_ros.media.image_messages import JPEG_FORMAT, NANOSECONDS, to_jpeg
from siammask_ros.media.recording import check_output_file, check_space
from siammask_ros.media.result_messages import ResultMessages
from siammask_ros.session import TrackedTarget

NODE = "/siammask_tracker"
_KINDS = {
    "mask": IMAGE,
    "detections": DETECTIONS,
    "tracks": TRACKS,
    "overlay/compressed": COMPRESSED_IMAGE,
}
# Of images that no message carried.
_FRAME_ID = "camera"
_CONFIG_SERIAL = 1


class ResultBag:
    """Writes masks, detections, tracks and overlays to a new bag, a folder with an MCAP file.

    Stops with DataError before the disk is full, so that the bag can be closed and read. A
    context manager. No result, no bag.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Makes the bag; raises DataError where it exists or cannot be written.

        With ``overwrite`` a bag of this name is deleted first.
        """
        self._types = result_types()
        self._messages = ResultMessages(self._types.types)
        self.path = check_bag_path(path, overwrite)
        self._count = 0
        check_space(path)
        try:
            if path.exists():
                _delete(path)
            self._writer: Any = _open_writer(path)
            self._topics = {
                name: self._writer.add_connection(f"{NODE}/{name}", kind, typestore=self._types)
                for name, kind in _KINDS.items()
            }
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def write(
        self,
        frame: SourceFrame,
        mask: NDArray[np.uint8],
        targets: Sequence[TrackedTarget],
        overlay: NDArray[np.uint8],
    ) -> None:
        """Adds what an image told: ``mask`` (H, W), 255 on a target, and every target.

        ``overlay`` (H, W, 3) BGR is the image with all of it drawn in, for viewing. The
        messages carry the header of the image's message and its time of recording; those
        of a video its time from the start. Raises DataError on a full disk.
        """
        time_ns = round(frame.stamp_s * NANOSECONDS)
        origin = frame.origin or Origin(time_ns, _FRAME_ID, time_ns)
        build = self._messages
        header = build.header(origin.stamp_ns, origin.frame_id)
        visible = (build.detection(header, each) for each in targets if each.is_visible)
        tracks = map(build.track, targets)
        check_space(self.path)
        try:
            self._add("mask", origin, self._build_image(header, mask))
            self._add("detections", origin, build.detections(header, visible))
            self._add("tracks", origin, build.tracks(header, _CONFIG_SERIAL, tracks))
            self._add("overlay/compressed", origin, self._build_jpeg(header, overlay))
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error
        self._count += 1

    def close(self) -> None:
        """Finishes the bag; raises DataError where the disk does not take its end."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        if not self._count:
            writer.abort()
            _delete(self.path)
            return
        try:
            writer.close()
        except OSError as error:
            with suppress(OSError):
                writer.abort()
            raise DataError(f"{self.path} cannot be finished: {error.strerror}") from error

    def _add(self, topic: str, origin: Origin, message: Any) -> None:
        connection = self._topics[topic]
        data = self._types.serialize_cdr(message, connection.msgtype)
        self._writer.write(connection, origin.recorded_ns, data)

    def _build_image(self, header: Any, mask: NDArray[np.uint8]) -> Any:
        height, width = mask.shape
        return self._messages.new(
            "sensor_msgs/Image",
            header=header,
            height=height,
            width=width,
            encoding="mono8",
            is_bigendian=0,
            step=width,
            data=np.ascontiguousarray(mask).ravel(),
        )

    def _build_jpeg(self, header: Any, image: NDArray[np.uint8]) -> Any:
        kind = "sensor_msgs/CompressedImage"
        return self._messages.new(kind, header=header, format=JPEG_FORMAT, data=to_jpeg(image))

    def __enter__(self) -> ResultBag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_bag_path(path: Path, overwrite: bool = False) -> Path:
    """The path of a bag that may be written now, its folder made.

    Raises DataError as ``check_output_file`` does, and where ``overwrite`` would delete a folder
    that is no bag.
    """
    if not (path.is_dir() and overwrite):
        return check_output_file(path)
    others = [file.name for file in path.iterdir() if not _belongs_to_bag(file)]
    if others:
        raise DataError(f"{path} holds {others[0]}, which is no part of a bag; it is not replaced")
    return path


def _belongs_to_bag(file: Path) -> bool:
    return file.is_file() and (file.suffix in BAG_SUFFIXES or file.name == BAG_METADATA)


def _delete(bag: Path) -> None:
    for file in bag.iterdir():
        file.unlink()
    bag.rmdir()


def _open_writer(path: Path) -> Any:
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    # MCAP and not SQLite: what was written is there even when the end never comes. Version 8 of
    # the metadata is read by ROS 2 Iron and all later ones.
    writer = Writer(path, version=8, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    writer.open()
    return writer
