"""The tracker node with a fake engine and a client beside it, over real ROS 2 in one process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from siammask_ros.msg import FrameLatency, Track, TrackArray
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool, Trigger
from support.domains import free_domains
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box, square_center
from support.session_bench import wait_until
from vision_msgs.msg import Detection2D, Detection2DArray

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.ros.nodes.tracker import TrackerNode
from siammask_ros.ros.runtime.process import start_executor
from siammask_ros.ros.tracking_io.messages import build_image
from siammask_ros.session import Session

NODE = "/siammask_tracker"
OUTPUTS = {
    f"{NODE}/tracks": TrackArray,
    f"{NODE}/detections": Detection2DArray,
    f"{NODE}/latency": FrameLatency,
    f"{NODE}/mask": Image,
    "/diagnostics": DiagnosticArray,
}
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}


_DOMAINS = free_domains(range(161, 232))


def own_domain() -> int:
    """A domain in which nothing of an earlier test, or of another process, is heard."""
    return next(_DOMAINS)


def box_message(box: RotatedBox, target_id: str = "", header: Header | None = None) -> Detection2D:
    """What asks a tracker to follow a box."""
    detection = Detection2D(header=header or Header(), id=target_id)
    center = detection.bbox.center
    center.position.x, center.position.y = float(box.x), float(box.y)
    center.theta = float(box.theta)
    detection.bbox.size_x, detection.bbox.size_y = float(box.width), float(box.height)
    return detection


class Client:
    """Publishes images and boxes, collects what the tracker says, calls its services."""

    def __init__(self, context: Context) -> None:
        self.node = Node("client", context=context)
        self.heard: dict[str, list[Any]] = {topic: [] for topic in OUTPUTS}
        for topic, kind in OUTPUTS.items():
            self.listen(kind, topic)
        self.images = self.node.create_publisher(Image, "/image", qos_profile_sensor_data)
        self.compressed = self.node.create_publisher(
            CompressedImage, "/image/compressed", qos_profile_sensor_data
        )
        self.boxes = self.node.create_publisher(Detection2D, f"{NODE}/init_box", 10)
        self.forget = self.node.create_publisher(String, f"{NODE}/forget", 10)
        self._asked = threading.Event()
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._spinning = threading.Thread(target=self._spin, daemon=True)
        self._spinning.start()

    def listen(self, kind: Any, topic: str, qos: QoSProfile | int = 10) -> Any:
        self.heard.setdefault(topic, [])
        return self.node.create_subscription(kind, topic, self.heard[topic].append, qos)

    def header(self) -> Header:
        return Header(stamp=self.node.get_clock().now().to_msg(), frame_id="camera")

    def send(self, index: int, header: Header | None = None, **picture_options: Any) -> Header:
        header = header or self.header()
        self.images.publish(build_image(header, picture(index, **picture_options)))
        return header

    def of_stamp(self, topic: str, header: Header, timeout_s: float = 10.0) -> Any:
        """The message on a topic that answers the image with this header."""

        def found() -> Any:
            return next((m for m in self.heard[topic] if m.header.stamp == header.stamp), None)

        return wait_until(found, f"{topic} of the image {header.stamp}", timeout_s)

    def publisher(self, kind: Any, topic: str) -> Any:
        """A publisher on a topic that has a reader, who may need a moment more to know of it."""
        publisher = self.node.create_publisher(kind, topic, 10)
        wait_until(lambda: publisher.get_subscription_count() > 0, f"a reader of {topic}", 60)
        return publisher

    def answer(self, index: int, **picture_options: Any) -> TrackArray:
        return self.of_stamp(f"{NODE}/tracks", self.send(index, **picture_options))

    def send_box(self, box: RotatedBox, target_id: str = "", header: Header | None = None) -> None:
        self.boxes.publish(box_message(box, target_id, header))

    def call(self, kind: Any, service: str, request: Any, timeout_s: float = 60.0) -> Any:
        client = self.node.create_client(kind, service)
        assert client.wait_for_service(timeout_s), f"no service {service}"
        future = client.call_async(request)
        wait_until(future.done, f"an answer of {service}", timeout_s)
        self.node.destroy_client(client)
        return future.result()

    def change_state(self, transition: str) -> bool:
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
        return bool(self.call(ChangeState, f"{NODE}/change_state", request).success)

    def reset(self) -> Any:
        return self.call(Trigger, f"{NODE}/reset", Trigger.Request())

    def pause(self, paused: bool) -> Any:
        return self.call(SetBool, f"{NODE}/pause", SetBool.Request(data=paused))

    def set_parameters(self, atomically: bool = False, **values: Any) -> list[Any]:
        """What the node answers to each, or to all in one."""
        messages: list[ParameterMessage] = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        if atomically:
            request = SetParametersAtomically.Request(parameters=messages)
            service = f"{NODE}/set_parameters_atomically"
            return [self.call(SetParametersAtomically, service, request).result]
        request = SetParameters.Request(parameters=messages)
        return list(self.call(SetParameters, f"{NODE}/set_parameters", request).results)

    def status(self, part: str) -> DiagnosticStatus | None:
        """The newest diagnostic status of a part of the node."""
        messages = self.heard["/diagnostics"]
        name = f"siammask_tracker: {part}"
        return next((s for s in messages[-1].status if s.name == name), None) if messages else None

    def wait_for_status(self, part: str, level: int, words: str, timeout_s: float = 10.0) -> Any:
        """Waits until diagnostics say this of a part of the node, at this level or worse."""

        def told() -> Any:
            status = self.status(part)
            is_it = status and status.level >= bytes([level]) and words in status.message
            return status if is_it else None

        return wait_until(told, f"{part} to say {words!r}", timeout_s)

    def close(self) -> None:
        self._asked.set()
        self._executor.wake()
        self._spinning.join(5)
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._asked.is_set():
            self._executor.spin_once(timeout_sec=0.1)


class NodeBench:
    """The node with its client; use it in a with statement. ``active`` starts it first."""

    def __init__(
        self,
        engine: FakeEngine | None = None,
        active: bool = True,
        open_engine: Callable[[Any], Any] | None = None,
        **parameters: Any,
    ) -> None:
        self.engine = engine or FakeEngine()
        self.context = Context()
        rclpy.init(context=self.context, domain_id=own_domain())
        self.node = TrackerNode(
            open_engine or (lambda config: self.engine),
            context=self.context,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
        )
        self._asked = threading.Event()
        self._executor, self._spinning = start_executor(self.node, self._asked)
        self.client = Client(self.context)
        try:
            if active:
                self.activate()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> NodeBench:
        return self

    def __exit__(self, *_: object) -> None:
        is_alive = self._spinning.is_alive()
        self.close()
        assert is_alive, "the node does not spin any more"

    @property
    def session(self) -> Session:
        """The session of the active node."""
        session = self.node._current_session()
        assert session is not None
        return session

    def close(self) -> None:
        self.engine.released.set()
        self._asked.set()
        self._executor.wake()
        self._spinning.join(5)
        self.client.close()
        self.node.destroy_node()
        self._executor.shutdown(1)
        rclpy.shutdown(context=self.context)

    def activate(self) -> None:
        assert self.client.change_state("configure")
        assert self.client.change_state("activate")
        self.wait_for_topics()

    def wait_for_topics(self) -> None:
        """Waits until both sides know each other: a message sent earlier would be lost."""
        client, publishers = self.client, self.node._topics
        images = client.compressed if self.uses_compressed() else client.images
        for publisher in (images, client.boxes, client.forget):
            wait_until_matched(publisher, self.node)
        for publisher in (
            publishers._tracks,
            publishers._detections,
            publishers._latency,
            publishers._mask,
        ):
            wait_until_matched(publisher, client.node)
        wait_until_matched(self.node._status_publisher.publisher, client.node)

    def publisher(self, kind: Any, topic: str) -> Any:
        """A publisher on a topic that the node reads, heard from its first message on."""
        publisher = self.client.publisher(kind, topic)
        wait_until_matched(publisher, self.node)
        return publisher

    def uses_compressed(self) -> bool:
        return bool(self.node.get_parameter("image_transport").value == "compressed")

    def started(self, index: int = 0, target_id: str = "1") -> None:
        """Sends a picture and follows the square on it."""
        header = self.client.send(index)
        self.client.of_stamp(f"{NODE}/tracks", header)
        self.client.send_box(square_box(index), target_id, header)
        session = self.session
        wait_until(lambda: target_id in session.health().statuses, "the target to be known")

    def send_discarded(self, index: int, header: Header | None = None, **options: Any) -> None:
        """Sends a picture that must not be answered, and waits until it has arrived."""
        session = self.session
        before = session.health().counters.total_dropped
        self.client.send(index, header, **options)
        wait_until(lambda: session.health().counters.total_dropped > before, "the odd picture")

    def assert_tracks(self, index: int, target_id: str = "1", **picture_options: Any) -> TrackArray:
        """The next good frame is tracked: the box is on the square."""
        answer = self.client.answer(index, **picture_options)
        assert_on_square(answer, index, target_id)
        return answer


def wait_until_matched(publisher: Any, reader: Node) -> None:
    """Waits until this publisher and the reading node's subscription know each other.

    Each side learns of the other by itself; what is published in between nobody hears.
    """
    topic = publisher.topic_name

    def are_matched() -> bool:
        readers = [each for each in reader.subscriptions if each.topic_name == topic]
        return bool(
            publisher.get_subscription_count()
            and any(each.get_publisher_count() for each in readers)
        )

    wait_until(are_matched, f"{topic} and its reader to know each other", 30)


def assert_on_square(answer: TrackArray, index: int, target_id: str = "1") -> Track:
    (track,) = (track for track in answer.tracks if track.id == target_id)
    assert track.state == Track.TRACKING, track.reason
    x, y = square_center(index)
    assert math.dist((track.box.center.position.x, track.box.center.position.y), (x, y)) < 8
    assert track.mask_area > 1000
    return track
