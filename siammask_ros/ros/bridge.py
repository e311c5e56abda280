"""The encodings that ROS 2's own cv_bridge reads for us, where it is installed."""

from __future__ import annotations

from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

# Bytes that a row has at least for each pixel.
BRIDGED_PIXEL_BYTES = {
    **{f"bayer_{order}8": 1 for order in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{order}16": 2 for order in ("rggb", "bggr", "gbrg", "grbg")},
    **dict.fromkeys(("yuv422", "yuv422_yuy2", "uyvy", "yuyv"), 2),
    **{f"{order}16": 6 for order in ("bgr", "rgb")},
    **{f"{order}16": 8 for order in ("bgra", "rgba")},
}


def bridged(message: Any) -> Any:
    """The picture as cv_bridge converts it to bgr8; raises ImportError where there is none.

    A cv_bridge that no ROS 2 installed is not asked: the one on PyPI is a ROS 1 leftover that
    gives wrong pictures silently.
    """
    try:
        get_package_prefix("cv_bridge")
    except PackageNotFoundError as error:
        raise ImportError(str(error)) from error
    from cv_bridge import CvBridge

    return CvBridge().imgmsg_to_cv2(message, "bgr8")
