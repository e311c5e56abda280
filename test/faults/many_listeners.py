"""A ROS 2 process of many readers: `python many_listeners.py COUNT`.

Says ``ready`` once every reader has its publisher, and, at a line on the standard input, how many
messages each has heard.
"""

import sys
import threading

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
from siammask_ros.msg import TrackArray


class Reader:
    def __init__(self, node: Node) -> None:
        self.heard = 0
        self.subscription = node.create_subscription(
            TrackArray, "/siammask_tracker/tracks", self.on_tracks, 10
        )
        node.create_subscription(Image, "/siammask_tracker/mask", lambda message: None, 1)

    def on_tracks(self, message: TrackArray) -> None:
        self.heard += 1


def main() -> None:
    rclpy.init()
    node = Node("many_listeners")
    readers = [Reader(node) for _ in range(int(sys.argv[1]))]
    asked = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), asked.set()), daemon=True).start()
    said = False
    while not asked.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
        if not said and all(reader.subscription.get_publisher_count() for reader in readers):
            said = True
            print("ready", flush=True)
    print(*(reader.heard for reader in readers), flush=True)


if __name__ == "__main__":
    main()
