"""A ROS 2 process of nodes that come and go: `python short_lived_nodes.py COUNT`.

Each is a participant of its own with a reader and a writer, and gone again at once.
"""

import sys

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import String


def main() -> None:
    for number in range(int(sys.argv[1])):
        context = Context()
        rclpy.init(context=context)
        node = Node(f"short_lived_{number}", context=context)
        node.create_subscription(Image, "/siammask_tracker/mask", lambda message: None, 1)
        node.create_publisher(String, "/siammask_tracker/forget", 1)
        node.destroy_node()
        rclpy.shutdown(context=context)


if __name__ == "__main__":
    main()
