"""Bags with images of the moving square, written without ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from support.moving_square import picture

from siammask_ros.media.bag_types import COMPRESSED_IMAGE, IMAGE, standard_types

TOPIC = "/camera/image_raw"
START_NS = 1_700_000_000_123_456_789
PERIOD_NS = 50_000_000
# From the stamp in the header until the recorder wrote the message down.
RECORDED_AFTER_NS = 3_000_000


def stamp_of(index: int) -> int:
    return START_NS + index * PERIOD_NS


def image(index: int, stamp_ns: int | None = None, **fields: Any) -> Any:
    """Picture ``index`` as sensor_msgs/Image, with other values for some fields."""
    bgr = picture(index)
    height, width = bgr.shape[:2]
    plain = {
        "header": header(stamp_of(index) if stamp_ns is None else stamp_ns),
        "height": height,
        "width": width,
        "encoding": "bgr8",
        "is_bigendian": 0,
        "step": 3 * width,
        "data": bgr.ravel(),
    }
    return standard_types().types[IMAGE](**{**plain, **fields})


def compressed_image(index: int, suffix: str = ".png") -> Any:
    data = cv2.imencode(suffix, picture(index))[1].ravel()
    kind = standard_types().types[COMPRESSED_IMAGE]
    return kind(header=header(stamp_of(index)), format=suffix[1:], data=data)


def header(stamp_ns: int) -> Any:
    types = standard_types().types
    seconds, nanoseconds = divmod(stamp_ns, 10**9)
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera_optical")


def write_bag(
    path: Path,
    messages: Mapping[str, Sequence[Any]] | int = 20,
    storage: str = "mcap",
    compressed: bool = False,
) -> Path:
    """Writes these messages by their topics, or so many images on TOPIC; returns the folder."""
    if isinstance(messages, int):
        messages = {TOPIC: [image(index) for index in range(messages)]}
    types = standard_types()
    bag = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
    if compressed:
        mode = CompressionMode.STORAGE if storage == "mcap" else CompressionMode.MESSAGE
        bag.set_compression(mode, CompressionFormat.ZSTD)
    with bag:
        for topic, each in messages.items():
            kind = each[0].__msgtype__ if each else IMAGE
            connection = bag.add_connection(topic, kind, typestore=types)
            for index, message in enumerate(each):
                data = np.array(types.serialize_cdr(message, kind)).tobytes()
                bag.write(connection, stamp_of(index) + RECORDED_AFTER_NS, data)
    return path


def storage_file(bag: Path) -> Path:
    (file,) = (path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))
    return file


def cut_off(path: Path, share: float = 0.5) -> None:
    """Leaves the first part of a file, as an interrupted copy or a killed recorder does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
