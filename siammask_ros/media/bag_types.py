"""The message types that bags are read and written with, known without ROS."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from siammask_ros.errors import DataError

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
DETECTIONS = "vision_msgs/msg/Detection2DArray"
TRACKS = "siammask_ros/msg/TrackArray"

# Not among those that rosbags brings along; what they consist of is defined beside them.
_OUR_DEFINITIONS = {
    "vision_msgs": (
        "BoundingBox2D",
        "Detection2D",
        "Detection2DArray",
        "ObjectHypothesis",
        "ObjectHypothesisWithPose",
        "Point2D",
        "Pose2D",
    ),
    "siammask_ros": ("Track", "TrackArray"),
}
_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
_SOURCES = {
    "siammask_ros": _PACKAGE_ROOT / "msg",
    "vision_msgs": _PACKAGE_ROOT / "tools" / "vision_msgs" / "msg",
}


@cache
def standard_types() -> Any:
    """The types that come with ROS 2 itself; raises DataError where rosbags is not installed.

    Those of Jazzy: images are the same in every ROS 2.
    """
    if find_spec("rosbags") is None:
        raise DataError("bags need rosbags, which is not installed; run: pip install rosbags")
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_JAZZY)


@cache
def result_types() -> Any:
    """The standard types and those that results are made of; raises DataError as they do.

    The definitions are the installed .msg files, or those of the source tree.
    """
    standard_types()
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    found: dict[str, Any] = {}
    for package, names in _OUR_DEFINITIONS.items():
        for name in names:
            found.update(get_types_from_msg(_definition(package, name), f"{package}/msg/{name}"))
    store.register(found)
    return store


def _definition(package: str, name: str) -> str:
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [_SOURCES[package]]
    folders += [Path(prefix) / "share" / package / "msg" for prefix in prefixes if prefix]
    for folder in folders:
        file = folder / f"{name}.msg"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise DataError(
        f"{package}/msg/{name}.msg is not installed; expected it in one of: "
        f"{', '.join(map(str, folders))}. Is ROS 2 sourced?"
    )
