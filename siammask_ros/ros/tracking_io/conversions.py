"""Converts image messages to arrays, by cv_bridge if we do not read the encoding."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from sensor_msgs.msg import Image

from siammask_ros.media import image_messages
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.encodings import ENCODINGS
from siammask_ros.media.image_messages import (
    ImageArray,
    RefusedImage,
    check_rows,
    check_sides,
    describe_unsupported,
)


def image_to_bgr(
    message: Image, max_side_px: int, stretch: ContrastStretch | None = None
) -> ImageArray:
    """Return the image of a message: (height, width, 3) uint8 BGR, read-only.

    As ``image_messages.image_to_bgr``; other encodings are converted by cv_bridge if it works.
    """
    if message.encoding in ENCODINGS:
        return image_messages.image_to_bgr(message, max_side_px, stretch)
    bridge, problem = _cv_bridge()
    if bridge is None:
        raise describe_unsupported(message, problem)
    check_sides(message.width, message.height, max_side_px)
    image = _convert_by_cv_bridge(bridge, message)
    image.flags.writeable = False
    return image


def _convert_by_cv_bridge(bridge: Any, message: Image) -> ImageArray:
    try:
        kind, channels = bridge.encoding_to_dtype_with_channels(message.encoding)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise describe_unsupported(message, f"cv_bridge does not know it ({error})") from error
    check_rows(message, message.width * channels * np.dtype(kind).itemsize, message.height)
    try:
        image = np.array(bridge.imgmsg_to_cv2(message, "bgr8"), np.uint8)
    except (TypeError, ValueError, RuntimeError, cv2.error) as error:
        raise RefusedImage(
            "encoding", f"cv_bridge cannot read this {message.encoding} image: {error}"
        ) from error
    if image.shape != (message.height, message.width, 3):
        raise RefusedImage(
            "encoding", f"cv_bridge made {image.shape} of a {message.encoding} image"
        )
    return image


@cache
def _cv_bridge() -> tuple[Any, str]:
    """Return the cv_bridge of ROS 2, or None and why there is no working one.

    Only a cv_bridge that ROS 2 installed is used: the one on PyPI is for ROS 1 and silently gives
    wrong images. One that was compiled for another NumPy fails when its library is loaded, as the
    call for an encoding does.
    """
    try:
        get_package_prefix("cv_bridge")
    except PackageNotFoundError:
        return None, (
            "others need ROS 2's cv_bridge, which is not installed "
            "(sudo apt install ros-$ROS_DISTRO-cv-bridge)"
        )
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        bridge.encoding_to_dtype_with_channels("bgr8")
    except (ImportError, AttributeError, SystemError, RuntimeError) as error:
        return None, f"others need ROS 2's cv_bridge, which does not work here ({error})"
    return bridge, ""
