"""A camera with large images, best effort, until it is ended: `python large_camera.py RATE_HZ`."""

from __future__ import annotations

import sys
import time
from array import array

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

WIDTH, HEIGHT = 1280, 720


def main(rate_hz: float) -> None:
    rclpy.init()
    node = Node("large_camera")
    publisher = node.create_publisher(Image, "/image", qos_profile_sensor_data)
    message = Image(height=HEIGHT, width=WIDTH, encoding="bgr8", step=3 * WIDTH)
    message.header.frame_id = "camera"
    message.data = array("B", bytes(3 * WIDTH * HEIGHT))
    while True:
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        time.sleep(1 / rate_hz)


if __name__ == "__main__":
    main(float(sys.argv[1]))
