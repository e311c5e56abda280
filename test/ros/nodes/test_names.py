"""A node in a namespace, with its topics remapped, and two of them for two cameras."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from siammask_ros.msg import TrackArray
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.node_bench import TRANSITIONS, Client, assert_on_square, own_domain, wait_until_matched
from support.session_bench import wait_until
from vision_msgs.msg import Detection2D

from siammask_ros.ros.nodes.tracker import TrackerNode
from siammask_ros.ros.runtime.process import start_executor
from siammask_ros.ros.tracking_io.messages import build_image


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context, domain_id=own_domain())
    yield context
    rclpy.shutdown(context=context)


@contextmanager
def running(context: Context, *arguments: str) -> Iterator[TrackerNode]:
    """A tracker node with these command line arguments, spinning."""
    node = TrackerNode(
        lambda config: FakeEngine(), context=context, cli_args=["--ros-args", *arguments]
    )
    asked = threading.Event()
    executor, spinning = start_executor(node, asked)
    try:
        yield node
    finally:
        asked.set()
        executor.wake()
        spinning.join(5)
        node.destroy_node()
        executor.shutdown(1)


class CameraSide:
    """One camera and what is heard of its tracker, which has the full name ``name``."""

    def __init__(self, client: Client, node: TrackerNode, name: str, image: str) -> None:
        self.name, self._client = name, client
        for transition in ("configure", "activate"):
            request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
            assert client.call(ChangeState, f"{name}/change_state", request).success
        client.listen(TrackArray, f"{name}/tracks")
        publish = client.node.create_publisher
        self._images = publish(Image, image, qos_profile_sensor_data)
        self._boxes = publish(Detection2D, f"{name}/init_box", 10)
        for publisher in (self._images, self._boxes):
            wait_until_matched(publisher, node)
        wait_until_matched(node._topics._tracks, client.node)
        self._session = node._current_session()

    def answer(self, index: int) -> TrackArray:
        header = self._client.header()
        self._images.publish(build_image(header, picture(index)))
        return self._client.of_stamp(f"{self.name}/tracks", header)

    def follow(self, index: int, target_id: str) -> None:
        self.answer(index)
        box, detection = square_box(index), Detection2D(id=target_id)
        detection.bbox.center.position.x, detection.bbox.center.position.y = box.x, box.y
        detection.bbox.size_x, detection.bbox.size_y = float(box.width), float(box.height)
        self._boxes.publish(detection)
        wait_until(lambda: target_id in self._session.health().statuses, "the target")


def statuses(client: Client) -> set[str]:
    messages: list[DiagnosticArray] = client.heard["/diagnostics"]
    return {status.name for message in messages for status in message.status}


def test_two_cameras_have_a_tracker_each_and_neither_hears_the_other(context: Context) -> None:
    client = Client(context)
    try:
        with (
            running(context, "-r", "__ns:=/front", "-r", "image:=camera/image_raw") as front,
            running(context, "-r", "__node:=rear_tracker", "-r", "image:=/rear/image") as rear,
        ):
            ahead = CameraSide(client, front, "/front/siammask_tracker", "/front/camera/image_raw")
            behind = CameraSide(client, rear, "/rear_tracker", "/rear/image")
            ahead.follow(0, "a person")
            behind.follow(10, "a boat")
            for index in range(1, 4):
                assert_on_square(ahead.answer(index), index, "a person")
                assert_on_square(behind.answer(10 + index), 10 + index, "a boat")
            assert front._current_session().health().counters.received == 4
            assert rear._current_session().health().counters.received == 4
            expected = {
                f"{node}: {part}"
                for node in ("front/siammask_tracker", "rear_tracker")
                for part in ("image stream", "inference", "targets")
            }
            wait_until(lambda: statuses(client) == expected, f"diagnostics of {expected}")
    finally:
        client.close()


def names_of(node: Any) -> dict[str, str]:
    """Every topic and service that a node has of its own, with its type."""
    name, namespace = node.get_name(), node.get_namespace()
    found = (
        *node.get_publisher_names_and_types_by_node(name, namespace),
        *node.get_subscriber_names_and_types_by_node(name, namespace),
        *node.get_service_names_and_types_by_node(name, namespace),
    )
    return {topic: kind for topic, (kind, *_) in found}


def test_in_a_namespace_everything_but_diagnostics_is_below_it(context: Context) -> None:
    with running(context, "-r", "__ns:=/front", "-p", "publish_tf:=true") as node:
        node.trigger_configure()
        node.trigger_activate()
        shared = {"/diagnostics", "/rosout", "/parameter_events", "/tf"}
        names = names_of(node)
        assert shared <= names.keys()
        assert all(name.startswith("/front/") for name in names.keys() - shared)
        assert "/front/camera_info" in names
        assert "/front/siammask_tracker/save_target" in names


def test_a_private_topic_can_be_that_of_a_detector(context: Context) -> None:
    with running(context, "-r", "~/detections_in:=/detector/boxes") as node:
        node.trigger_configure()
        node.trigger_activate()
        assert names_of(node)["/detector/boxes"] == "vision_msgs/msg/Detection2DArray"
