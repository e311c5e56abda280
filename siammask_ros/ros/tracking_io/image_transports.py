"""The image transports raw and compressed: message type, conversion and topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.image_messages import ImageArray, decode_to_bgr
from siammask_ros.ros.tracking_io.conversions import image_to_bgr

# image_transport: type, conversion
TRANSPORTS: dict[str, tuple[Any, Callable[[Any, int, ContrastStretch], ImageArray]]] = {
    "raw": (Image, image_to_bgr),
    "compressed": (CompressedImage, decode_to_bgr),
}

_RAW = "image"
_COMPRESSED = "image/compressed"


def image_topic(node: Node, transport: str) -> str:
    """Return the topic of the images of ``transport``, raw or compressed.

    As in image_transport, the compressed topic is a sub-topic of the raw one, so that remapping
    ``image`` is enough. A remapping of ``image/compressed`` itself takes precedence.
    """
    if transport == "raw":
        return _RAW
    own = node.resolve_topic_name(_COMPRESSED)
    if own != node.resolve_topic_name(_COMPRESSED, only_expand=True):
        return own
    return f"{node.resolve_topic_name(_RAW)}/compressed"
