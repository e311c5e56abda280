"""Image messages to pictures, with ROS 2's own cv_bridge for what we do not read ourselves."""

from __future__ import annotations

import cv2
import numpy as np
from sensor_msgs.msg import Image

from siammask_ros.media import image_messages
from siammask_ros.media.image_messages import (
    SUPPORTED,
    Picture,
    RefusedImage,
    check_layout,
    check_sides,
)
from siammask_ros.ros.bridge import BRIDGED_PIXEL_BYTES, bridged


def image_to_bgr(message: Image, max_side_px: int) -> Picture:
    """The picture in a message: (height, width, 3) uint8 BGR, read-only.

    As ``image_messages.image_to_bgr``, and where cv_bridge is installed Bayer and YUV as well.
    """
    pixel_bytes = BRIDGED_PIXEL_BYTES.get(message.encoding)
    if pixel_bytes is None:
        return image_messages.image_to_bgr(message, max_side_px)
    check_sides(message.width, message.height, max_side_px)
    check_layout(message, pixel_bytes)
    picture = _through_cv_bridge(message)
    picture.flags.writeable = False
    return picture


def _through_cv_bridge(message: Image) -> Picture:
    try:
        picture = np.array(bridged(message), np.uint8)
    except ImportError:
        raise RefusedImage(
            "encoding",
            f"encoding {message.encoding!r} needs ROS 2's cv_bridge, which is not installed "
            f"(sudo apt install ros-$ROS_DISTRO-cv-bridge); without it: {SUPPORTED}",
        ) from None
    except (TypeError, ValueError, RuntimeError, cv2.error) as error:
        raise RefusedImage(
            "encoding", f"cv_bridge cannot read this {message.encoding} image: {error}"
        ) from error
    if picture.shape != (message.height, message.width, 3):
        raise RefusedImage(
            "encoding", f"cv_bridge made {picture.shape} of a {message.encoding} image"
        )
    return picture
