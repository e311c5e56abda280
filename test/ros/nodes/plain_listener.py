"""A ROS 2 process that knows nothing of ours: prints what it hears of a tracker as JSON lines.

Reads standard types only; run it as `python plain_listener.py COUNT`.
"""

import json
import sys

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray


class Listener(Node):
    def __init__(self) -> None:
        super().__init__("plain_listener")
        self.heard = {"mask": 0, "detections": 0}
        self.create_subscription(Image, "/siammask_tracker/mask", self.on_mask, 1)
        self.create_subscription(
            Detection2DArray, "/siammask_tracker/detections", self.on_detections, 10
        )

    def on_mask(self, mask: Image) -> None:
        self.heard["mask"] += 1
        self.say(
            topic="mask",
            encoding=mask.encoding,
            frame_id=mask.header.frame_id,
            pixels=sum(value == 255 for value in mask.data),
        )

    def on_detections(self, detections: Detection2DArray) -> None:
        self.heard["detections"] += 1
        for detection in detections.detections:
            center = detection.bbox.center.position
            self.say(topic="detections", id=detection.id, x=center.x, y=center.y)

    def say(self, **what: object) -> None:
        print(json.dumps(what), flush=True)


def main() -> None:
    wanted = int(sys.argv[1])
    rclpy.init()
    node = Listener()
    while min(node.heard.values()) < wanted:
        rclpy.spin_once(node, timeout_sec=0.5)
    topics = dict(node.get_topic_names_and_types())
    names = ("mask", "detections", "tracks", "latency")
    print(json.dumps({name: topics.get(f"/siammask_tracker/{name}") for name in names}))
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
