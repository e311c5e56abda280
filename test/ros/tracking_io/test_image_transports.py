"""One remapping of `image` moves the compressed images, too."""

from __future__ import annotations

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from support.node_bench import own_domain

from siammask_ros.ros.tracking_io.image_transports import image_topic


@pytest.mark.parametrize(
    ("remaps", "raw", "compressed"),
    [
        ((), "/robot/image", "/robot/image/compressed"),
        (("image:=/cam/image_raw",), "/cam/image_raw", "/cam/image_raw/compressed"),
        (("image:=cam",), "/robot/cam", "/robot/cam/compressed"),
        (("image/compressed:=/jpeg",), "/robot/image", "/jpeg"),
        (("image:=/cam", "image/compressed:=/cam/compressed"), "/cam", "/cam/compressed"),
        (("image:=/cam", "image/compressed:=/jpeg"), "/cam", "/jpeg"),
    ],
)
def test_images_come_on_the_topic_of_their_transport(
    remaps: tuple[str, ...], raw: str, compressed: str
) -> None:
    context = Context()
    rclpy.init(context=context, domain_id=own_domain())
    words = [word for remap in remaps for word in ("-r", remap)]
    node = Node("reader", namespace="robot", context=context, cli_args=["--ros-args", *words])
    try:
        assert node.resolve_topic_name(image_topic(node, "raw")) == raw
        assert node.resolve_topic_name(image_topic(node, "compressed")) == compressed
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
