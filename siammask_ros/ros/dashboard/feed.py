"""A tracker node and its camera as the page's feed: topics in, commands out.

Per-frame topics are subscribed with best effort, so the tracker never waits for the dashboard.
Images are subscribed only while a page is open.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import GetParameters
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool, Trigger
from vision_msgs.msg import Detection2D

from siammask_ros.errors import SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.media.image_messages import (
    NANOSECONDS,
    RefusedImage,
    image_to_mask,
    stamp_ns,
)
from siammask_ros.msg import FrameLatency, TrackArray
from siammask_ros.ros.dashboard.config import DashboardConfig
from siammask_ros.ros.dashboard.frame_matcher import FrameMatcher
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.tracking_io.image_transports import TRANSPORTS, image_topic
from siammask_ros.ros.tracking_io.messages import build_box
from siammask_ros.ros.tracking_io.tracks import convert_track
from siammask_ros.web.feed import (
    STAGES,
    WINDOW_FRAMES,
    AnnotatedFrame,
    Box,
    Diagnostic,
    Latency,
    RateMeter,
    Status,
    compute_stale_after_s,
    find_free_id,
)

WATCH_PERIOD_S = 0.1
PARAMETER_PERIOD_S = 5.0
DIAGNOSTICS_END_S = 3.5
SERVICE_S = 3.0
# Parameters requested from the tracker, and the values used until it answers.
TRACKER_PARAMETERS: dict[str, Any] = {"history_s": 1.0, "model": ""}


class DashboardFeed:
    """See ``Feed``. ``show`` gets every frame, in a callback's thread."""

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        config: DashboardConfig,
        show: Callable[[AnnotatedFrame], None],
    ) -> None:
        self._node, self._guard, self._config = node, guard, config
        self._lock = threading.Lock()
        self._matcher = FrameMatcher(show, time.monotonic)
        self._stretch = ContrastStretch()
        self._is_watched = False
        self._image_subscriptions: list[Any] = []
        self._camera, self._answers = RateMeter(time.monotonic), RateMeter(time.monotonic)
        self._targets: tuple[DrawnTarget, ...] = ()
        self._latencies: deque[Latency] = deque(maxlen=WINDOW_FRAMES)
        self._counts = (0, 0, 0)
        self._diagnostics: dict[str, tuple[float, DiagnosticStatus]] = {}
        self._problem = ""
        self._size_frame: tuple[tuple[int, int], str] = ((0, 0), "")
        self._requested_ids: set[str] = set()
        self._tracker_parameters = dict(TRACKER_PARAMETERS)
        self._parameters_requested_s = -PARAMETER_PERIOD_S
        self._parameters = node.create_client(GetParameters, self._tracker_topic("get_parameters"))
        self._image_topic = image_topic(node, config.image_transport)
        self._create_subscriptions()
        self._create_commands()

    def _create_subscriptions(self) -> None:
        """Subscribe to the small topics that are always needed."""
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic, callback, profile in (
            (TrackArray, self._tracker_topic("tracks"), self._on_tracks, qos.MONITORING),
            (FrameLatency, self._tracker_topic("latency"), self._on_latency, qos.MONITORING),
            (DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.MONITORING),
        ):
            self._node.create_subscription(
                kind, topic, self._guard.wrap(callback), profile, callback_group=group
            )
        self._node.create_timer(
            WATCH_PERIOD_S, self._guard.wrap(self._update_subscriptions), callback_group=group
        )

    def _create_commands(self) -> None:
        create, group = self._node.create_client, ReentrantCallbackGroup()
        self._reset = create(Trigger, self._tracker_topic("reset"), callback_group=group)
        self._pause = create(SetBool, self._tracker_topic("pause"), callback_group=group)
        publisher = self._node.create_publisher
        self._box_publisher = publisher(Detection2D, self._tracker_topic("init_box"), qos.COMMANDS)
        self._forget_publisher = publisher(String, self._tracker_topic("forget"), qos.COMMANDS)

    def _tracker_topic(self, name: str) -> str:
        return f"{self._config.tracker}/{name}"

    # Input

    def watch(self, is_watched: bool) -> None:
        """See ``Feed``; takes effect within WATCH_PERIOD_S."""
        self._is_watched = is_watched

    def _update_subscriptions(self) -> None:
        """Subscribe to images while a page is open, and request the tracker's parameters."""
        if self._is_watched and not self._image_subscriptions:
            kind, _ = TRANSPORTS[self._config.image_transport]
            # No subscription until now: the time before was not a silence of the camera.
            self._camera = RateMeter(time.monotonic)
            self._image_subscriptions = [
                self._subscribe(kind, self._image_topic, self._on_image),
                self._subscribe(Image, self._tracker_topic("instance_mask"), self._on_mask),
            ]
        elif self._image_subscriptions and not self._is_watched:
            subscriptions, self._image_subscriptions = self._image_subscriptions, []
            for subscription in subscriptions:
                self._node.destroy_subscription(subscription)
            self._matcher.clear()
        now_s = time.monotonic()
        is_due = now_s - self._parameters_requested_s >= PARAMETER_PERIOD_S
        if is_due and self._parameters.service_is_ready():
            self._parameters_requested_s = now_s
            request = GetParameters.Request(names=list(TRACKER_PARAMETERS))
            answer = self._parameters.call_async(request)
            answer.add_done_callback(self._guard.wrap(self._on_parameters))

    def _subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> Any:
        return self._node.create_subscription(
            kind,
            topic,
            self._guard.wrap(callback),
            qos.CAMERA,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    def _on_image(self, message: Any) -> None:
        _, convert = TRANSPORTS[self._config.image_transport]
        try:
            taken_ns = stamp_ns(message.header)
            image = convert(message, self._config.max_image_side, self._stretch)
        except RefusedImage as error:
            self._problem = f"image refused: {error}"
            self._guard.warn(f"image refused: {error.kind}", self._problem)
            return
        with self._lock:
            self._camera.count()
            self._size_frame = image.shape[:2], message.header.frame_id
            self._problem = (
                ""
                if taken_ns
                else "images have no stamp, so boxes cannot be drawn; set header.stamp"
            )
        self._matcher.add_image(taken_ns, image)

    def _on_mask(self, message: Any) -> None:
        labels = image_to_mask(message, self._config.max_image_side)
        self._matcher.add_mask(stamp_ns(message.header), labels)

    def _on_tracks(self, message: TrackArray) -> None:
        targets = tuple(convert_track(track) for track in message.tracks)
        with self._lock:
            self._targets = targets
            self._requested_ids -= {target.target_id for target in targets}
        if not any(target.state == "STALE" for target in targets):
            self._answers.count()
            if self._image_subscriptions:
                self._matcher.add_tracks(stamp_ns(message.header), targets)

    def _on_latency(self, message: FrameLatency) -> None:
        stages = tuple(float(getattr(message, f"{stage}_ms")) for stage in STAGES)
        with self._lock:
            # Frames without a target take no inference time and would distort the chart.
            if self._targets:
                self._latencies.append(Latency(stages, float(message.age_ms)))
            self._counts = (message.received, message.processed, message.dropped)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        with self._lock:
            for status in message.status:
                self._diagnostics[status.name] = (now_s, status)
            # Keep at most 100 entries, none older than DIAGNOSTICS_END_S.
            self._diagnostics = {
                name: said
                for name, said in list(self._diagnostics.items())[-100:]
                if now_s - said[0] < DIAGNOSTICS_END_S
            }

    def _on_parameters(self, future: Any) -> None:
        values = future.result().values
        for name, value in zip(TRACKER_PARAMETERS, values, strict=True):
            known = (
                value.double_value
                if isinstance(TRACKER_PARAMETERS[name], float)
                else value.string_value
            )
            self._tracker_parameters[name] = known or TRACKER_PARAMETERS[name]

    # Output and commands

    def status(self) -> Status:
        """See ``Feed``."""
        now_s = time.monotonic()
        with self._lock:
            said = [
                each
                for at_s, each in self._diagnostics.values()
                if now_s - at_s < DIAGNOSTICS_END_S
            ]
            own = [each for each in said if self._is_own(each)]
            received, processed, dropped = self._counts
            values = {item.key: item.value for each in own for item in each.values}
            names = ("engine", "device", "precision", "checkpoint")
            engine = {name: values[name] for name in names if name in values}
            camera_hz = self._camera.hz
            return Status(
                source=self._node.resolve_topic_name(self._image_topic),
                since_frame_s=self._camera.since_s if self._image_subscriptions else None,
                stale_after_s=compute_stale_after_s(camera_hz),
                box_timeout_s=float(self._tracker_parameters["history_s"]),
                camera_hz=camera_hz,
                answers_hz=self._answers.hz,
                received=received,
                processed=processed,
                dropped=dropped,
                is_tracker_there=bool(own),
                paused=values.get("paused") == "True",
                engine={"model": str(self._tracker_parameters["model"]), **engine},
                # The targets are unknown if the tracker is not running.
                targets=self._targets if own else (),
                latencies=tuple(self._latencies),
                diagnostics=tuple(
                    Diagnostic(each.level[0], each.name, each.message)
                    for each in sorted(said, key=lambda each: (not self._is_own(each), each.name))
                ),
                problem=self._problem,
            )

    def _is_own(self, status: DiagnosticStatus) -> bool:
        name = self._node.resolve_topic_name(self._config.tracker).lstrip("/")
        return bool(status.name.startswith(f"{name}: "))

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """See ``Feed``; returns the target's id."""
        (height, width), frame_id = self._size_frame
        if not height:
            raise SiamMaskError("no image has arrived yet; wait for one")
        box = validate_init_box(RotatedBox.from_xywh(box_xywh), width, height)
        if not self._box_publisher.get_subscription_count():
            raise SiamMaskError(f"{self._config.tracker} is not running; start it")
        with self._lock:
            taken = {target.target_id for target in self._targets} | self._requested_ids
            chosen = target_id or find_free_id(taken)
            self._requested_ids = {*list(self._requested_ids)[-32:], chosen}
        detection = Detection2D(header=Header(frame_id=frame_id), id=chosen)
        detection.header.stamp.sec, detection.header.stamp.nanosec = divmod(stamp_ns, NANOSECONDS)
        detection.bbox = build_box(box)
        self._box_publisher.publish(detection)
        return chosen

    def forget(self, target_id: str) -> str:
        """See ``Feed``."""
        if not self._forget_publisher.get_subscription_count():
            raise SiamMaskError(f"{self._config.tracker} is not running; start it")
        self._forget_publisher.publish(String(data=target_id))
        return f"target {target_id} was removed"

    def reset(self) -> str:
        """See ``Feed``."""
        return self._call_service(self._reset, Trigger.Request())

    def pause(self, paused: bool) -> str:
        """See ``Feed``."""
        return self._call_service(self._pause, SetBool.Request(data=paused))

    def _call_service(self, client: Any, request: Any) -> str:
        """Return the service's message; raises SiamMaskError if it fails or does not answer."""
        if not client.service_is_ready():
            raise SiamMaskError(f"{self._config.tracker} is not running; start it")
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(SERVICE_S):
            client.remove_pending_request(future)
            raise SiamMaskError(
                f"timeout: {self._config.tracker} did not answer within {SERVICE_S:.0f} s"
            )
        response = future.result()
        if not response.success:
            raise SiamMaskError(response.message)
        return str(response.message)
