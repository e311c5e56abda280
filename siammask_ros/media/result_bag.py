"""Results kept as a rosbag2, on the topics and in the messages of the tracker node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import simplify_outline
from siammask_ros.media.bag_types import COMPRESSED_IMAGE, DETECTIONS, IMAGE, TRACKS, result_types
from siammask_ros.media.frames import BAG_METADATA, BAG_SUFFIXES, Origin, SourceFrame
from siammask_ros.media.image_messages import JPEG_FORMAT, NANOSECONDS, to_jpeg
from siammask_ros.media.recording import MIN_FREE_BYTES, check_space, checked_output

NODE = "/siammask_tracker"
CLASS_ID = "target"
_KINDS = {
    "mask": IMAGE,
    "detections": DETECTIONS,
    "tracks": TRACKS,
    "overlay/compressed": COMPRESSED_IMAGE,
}
# Of images that no message carried.
_FRAME_ID = "camera"
_CONFIG_SERIAL = 1


@dataclass(frozen=True, slots=True)
class ResultTarget:
    """A target in one image: the fields of Track.msg that are known without a calibration.

    ``outline`` (n, 2) is its mask's; ``unseen_s`` 0 where this very image shows it.
    """

    target_id: str
    state: int
    reason: str
    score: float
    box: RotatedBox
    outline: NDArray[np.int32]
    mask_area_px: int
    unseen_s: float
    is_shown: bool


class ResultBag:
    """Writes masks, detections, tracks and overlays to a new bag, a folder with an MCAP file.

    Stops with DataError before the disk is full, so that the bag can be closed and read. A
    context manager. No result, no bag.
    """

    def __init__(
        self, path: Path, *, overwrite: bool = False, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        """Makes the bag; raises DataError where it exists or cannot be written.

        With ``overwrite`` a bag of this name is deleted first.
        """
        self._types = result_types()
        self._messages = _Messages(self._types.types)
        self.path = checked_bag(path, overwrite)
        self._min_free_bytes = min_free_bytes
        self._count = 0
        check_space(path, min_free_bytes)
        try:
            if path.exists():
                _delete(path)
            self._writer: Any = _opened_writer(path)
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
        targets: Sequence[ResultTarget],
        overlay: NDArray[np.uint8],
    ) -> None:
        """Adds what an image told: ``mask`` (H, W), 255 on a target, and every target.

        ``overlay`` (H, W, 3) BGR is the image with all of it drawn in, for whoever looks. The
        messages carry the header of the image's message and its time of recording; those
        of a video its time from the start. Raises DataError on a full disk.
        """
        time_ns = round(frame.stamp_s * NANOSECONDS)
        origin = frame.origin or Origin(time_ns, _FRAME_ID, time_ns)
        header = self._messages.header(origin)
        check_space(self.path, self._min_free_bytes)
        try:
            self._add("mask", origin, self._messages.image(header, mask))
            self._add("detections", origin, self._messages.detections(header, targets))
            self._add("tracks", origin, self._messages.tracks(header, targets))
            self._add("overlay/compressed", origin, self._messages.jpeg(header, overlay))
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

    def __enter__(self) -> ResultBag:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def checked_bag(path: Path, overwrite: bool = False) -> Path:
    """The path of a bag that may be written now, its folder made.

    Raises DataError as ``checked_output`` does, and where ``overwrite`` would delete a folder that
    is no bag.
    """
    if not (path.is_dir() and overwrite):
        return checked_output(path)
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


def _opened_writer(path: Path) -> Any:
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    # MCAP and not SQLite: what was written is there even when the end never comes. Version 8 of
    # the metadata is read by ROS 2 Iron and all later ones.
    writer = Writer(path, version=8, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    writer.open()
    return writer


class _Messages:
    """Makes messages of values, with classes that rosbags made of the definitions."""

    def __init__(self, types: Any) -> None:
        self._types = types

    def _new(self, kind: str, **fields: Any) -> Any:
        package, _, name = kind.partition("/")
        return self._types[f"{package}/msg/{name}"](**fields)

    def header(self, origin: Origin) -> Any:
        seconds, nanoseconds = divmod(origin.stamp_ns, NANOSECONDS)
        stamp = self._new("builtin_interfaces/Time", sec=seconds, nanosec=nanoseconds)
        return self._new("std_msgs/Header", stamp=stamp, frame_id=origin.frame_id)

    def image(self, header: Any, mask: NDArray[np.uint8]) -> Any:
        height, width = mask.shape
        return self._new(
            "sensor_msgs/Image",
            header=header,
            height=height,
            width=width,
            encoding="mono8",
            is_bigendian=0,
            step=width,
            data=np.ascontiguousarray(mask).ravel(),
        )

    def jpeg(self, header: Any, image: NDArray[np.uint8]) -> Any:
        return self._new(
            "sensor_msgs/CompressedImage",
            header=header,
            format=JPEG_FORMAT,
            data=to_jpeg(image),
        )

    def detections(self, header: Any, targets: Sequence[ResultTarget]) -> Any:
        """The box of every target that the image shows; a lost one has none."""
        detections = [self._detection(header, target) for target in targets if target.is_shown]
        return self._new("vision_msgs/Detection2DArray", header=header, detections=detections)

    def tracks(self, header: Any, targets: Sequence[ResultTarget]) -> Any:
        return self._new(
            "siammask_ros/TrackArray",
            header=header,
            config_serial=_CONFIG_SERIAL,
            tracks=[self._track(target) for target in targets],
        )

    def _detection(self, header: Any, target: ResultTarget) -> Any:
        hypothesis = self._new(
            "vision_msgs/ObjectHypothesis", class_id=CLASS_ID, score=float(target.score)
        )
        pose = self._new(
            "geometry_msgs/Pose",
            position=self._xyz("Point"),
            orientation=self._new("geometry_msgs/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )
        scored = self._new(
            "vision_msgs/ObjectHypothesisWithPose",
            hypothesis=hypothesis,
            pose=self._new("geometry_msgs/PoseWithCovariance", pose=pose, covariance=np.zeros(36)),
        )
        return self._new(
            "vision_msgs/Detection2D",
            header=header,
            results=[scored],
            bbox=self._box(target.box),
            id=target.target_id,
        )

    def _track(self, target: ResultTarget) -> Any:
        whole, rest = divmod(max(round(target.unseen_s * NANOSECONDS), 0), NANOSECONDS)
        return self._new(
            "siammask_ros/Track",
            id=target.target_id,
            state=target.state,
            reason=target.reason,
            score=float(target.score),
            box=self._box(target.box),
            corners=[self._point(corner) for corner in target.box.corners_xy],
            predicted_ms=0.0,
            observed_box=self._box(target.box),
            outline=[self._point(point) for point in simplify_outline(target.outline)],
            mask_area=target.mask_area_px,
            time_since_seen=self._new("builtin_interfaces/Duration", sec=whole, nanosec=rest),
            has_bearing=False,
            bearing=self._xyz("Vector3"),
            has_position=False,
            position=self._xyz("Point"),
            position_covariance=np.zeros(9),
        )

    def _box(self, box: RotatedBox) -> Any:
        center = self._new(
            "vision_msgs/Pose2D", position=self._point((box.x, box.y)), theta=float(box.theta)
        )
        width, height = float(box.width), float(box.height)
        return self._new("vision_msgs/BoundingBox2D", center=center, size_x=width, size_y=height)

    def _point(self, point: Any) -> Any:
        return self._new("vision_msgs/Point2D", x=float(point[0]), y=float(point[1]))

    def _xyz(self, kind: str) -> Any:
        return self._new(f"geometry_msgs/{kind}", x=0.0, y=0.0, z=0.0)
