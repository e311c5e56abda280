"""A tracker node and its camera as the page's feed: topics in, commands out.

All topics of every picture are read with best effort: the tracker never waits for this reader.
Pictures are read only while somebody looks.
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
from siammask_ros.geometry.boxes import RotatedBox, checked_init_box
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.image_messages import (
    NANOSECONDS,
    RefusedImage,
    image_to_mask,
    stamp_ns,
)
from siammask_ros.msg import FrameLatency, TrackArray
from siammask_ros.ros.dashboard.config import DashboardConfig
from siammask_ros.ros.dashboard.pairing import Pairing
from siammask_ros.ros.dashboard.shown_tracks import shown_targets
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.tracking_io.image_transports import TRANSPORTS, image_topic
from siammask_ros.web.feed import (
    STAGES,
    WINDOW_FRAMES,
    Box,
    Diagnosis,
    Latency,
    Rate,
    Shot,
    Status,
    Target,
    free_id,
    stale_after_s,
)

WATCH_PERIOD_S = 0.1
ASK_PERIOD_S = 5.0
DIAGNOSTICS_END_S = 3.5
SERVICE_S = 3.0
# What the tracker is asked for, and what is believed until it answers.
ASKED: dict[str, Any] = {"history_s": 1.0, "model": ""}


class DashboardFeed:
    """See ``Feed``. ``show`` gets every shot, in a callback's thread."""

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        config: DashboardConfig,
        show: Callable[[Shot], None],
    ) -> None:
        self._node, self._guard, self._config = node, guard, config
        self._lock = threading.Lock()
        self._pairing = Pairing(show, time.monotonic)
        self._stretch = ContrastStretch()
        self._is_watched = False
        self._pictures: list[Any] = []
        self._camera, self._answers = Rate(time.monotonic), Rate(time.monotonic)
        self._targets: tuple[Target, ...] = ()
        self._latencies: deque[Latency] = deque(maxlen=WINDOW_FRAMES)
        self._counts = (0, 0, 0)
        self._said: dict[str, tuple[float, DiagnosticStatus]] = {}
        self._problem = ""
        self._size_frame: tuple[tuple[int, int], str] = ((0, 0), "")
        self._asked_ids: set[str] = set()
        self._known = dict(ASKED)
        self._asked_s = -ASK_PERIOD_S
        self._parameters = node.create_client(GetParameters, self._of_tracker("get_parameters"))
        self._image_topic = image_topic(node, config.image_transport)
        self._listen()
        self._open_commands()

    def _listen(self) -> None:
        """What is heard all the time: it is small."""
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic, callback, profile in (
            (TrackArray, self._of_tracker("tracks"), self._on_tracks, qos.LOOKED_AT),
            (FrameLatency, self._of_tracker("latency"), self._on_latency, qos.LOOKED_AT),
            (DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.LOOKED_AT),
        ):
            self._node.create_subscription(
                kind, topic, self._guard.wrap(callback), profile, callback_group=group
            )
        self._node.create_timer(
            WATCH_PERIOD_S, self._guard.wrap(self._keep_up), callback_group=group
        )

    def _open_commands(self) -> None:
        create, group = self._node.create_client, ReentrantCallbackGroup()
        self._reset = create(Trigger, self._of_tracker("reset"), callback_group=group)
        self._pause = create(SetBool, self._of_tracker("pause"), callback_group=group)
        publisher = self._node.create_publisher
        self._boxes = publisher(Detection2D, self._of_tracker("init_box"), qos.COMMANDS)
        self._forgotten = publisher(String, self._of_tracker("forget"), qos.COMMANDS)

    def _of_tracker(self, name: str) -> str:
        return f"{self._config.tracker}/{name}"

    # What comes in

    def watch(self, is_watched: bool) -> None:
        """See ``Feed``; carried out within WATCH_PERIOD_S."""
        self._is_watched = is_watched

    def _keep_up(self) -> None:
        """Listens to pictures while somebody looks, and asks the tracker for its settings."""
        if self._is_watched and not self._pictures:
            kind, _ = TRANSPORTS[self._config.image_transport]
            # Nobody listened until now: that was no silence of the camera's.
            self._camera = Rate(time.monotonic)
            self._pictures = [
                self._subscribed(kind, self._image_topic, self._on_image),
                self._subscribed(Image, self._of_tracker("instance_mask"), self._on_mask),
            ]
        elif self._pictures and not self._is_watched:
            pictures, self._pictures = self._pictures, []
            for subscription in pictures:
                self._node.destroy_subscription(subscription)
            self._pairing.clear()
        now_s = time.monotonic()
        if now_s - self._asked_s >= ASK_PERIOD_S and self._parameters.service_is_ready():
            self._asked_s = now_s
            answer = self._parameters.call_async(GetParameters.Request(names=list(ASKED)))
            answer.add_done_callback(self._guard.wrap(self._on_parameters))

    def _subscribed(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> Any:
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
            self._problem = "" if taken_ns else "the images carry no stamp: targets cannot be drawn"
        self._pairing.picture(taken_ns, image)

    def _on_mask(self, message: Any) -> None:
        labels = image_to_mask(message, self._config.max_image_side)
        self._pairing.mask(stamp_ns(message.header), labels)

    def _on_tracks(self, message: TrackArray) -> None:
        targets = shown_targets(message)
        with self._lock:
            self._targets = targets
            self._asked_ids -= {target.target_id for target in targets}
        if not any(target.state == "STALE" for target in targets):
            self._answers.count()
            if self._pictures:
                self._pairing.tracks(stamp_ns(message.header), targets)

    def _on_latency(self, message: FrameLatency) -> None:
        stages = tuple(float(getattr(message, f"{stage}_ms")) for stage in STAGES)
        with self._lock:
            # Without a target there is nothing to compute: such a frame says nothing of the time.
            if self._targets:
                self._latencies.append(Latency(stages, float(message.age_ms)))
            self._counts = (message.received, message.processed, message.dropped)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        with self._lock:
            for status in message.status:
                self._said[status.name] = (now_s, status)
            # Of those who have gone nothing is kept, and of nobody more than a page shows.
            self._said = {
                name: said
                for name, said in list(self._said.items())[-100:]
                if now_s - said[0] < DIAGNOSTICS_END_S
            }

    def _on_parameters(self, future: Any) -> None:
        values = future.result().values
        for name, value in zip(ASKED, values, strict=True):
            known = value.double_value if isinstance(ASKED[name], float) else value.string_value
            self._known[name] = known or ASKED[name]

    # What goes out

    def status(self) -> Status:
        """See ``Feed``."""
        now_s = time.monotonic()
        with self._lock:
            said = [each for at_s, each in self._said.values() if now_s - at_s < DIAGNOSTICS_END_S]
            own = [each for each in said if self._is_own(each)]
            received, processed, dropped = self._counts
            values = {item.key: item.value for each in own for item in each.values}
            names = ("engine", "device", "precision", "checkpoint")
            engine = {name: values[name] for name in names if name in values}
            camera_hz = self._camera.hz
            return Status(
                source=self._node.resolve_topic_name(self._image_topic),
                since_picture_s=self._camera.since_s if self._pictures else None,
                stale_after_s=stale_after_s(camera_hz),
                choose_within_s=float(self._known["history_s"]),
                camera_hz=camera_hz,
                answers_hz=self._answers.hz,
                received=received,
                processed=processed,
                dropped=dropped,
                is_tracker_there=bool(own),
                paused=values.get("paused") == "True",
                engine={"model": str(self._known["model"]), **engine},
                # Of a tracker that has gone nothing is known.
                targets=self._targets if own else (),
                latencies=tuple(self._latencies),
                diagnostics=tuple(
                    Diagnosis(each.level[0], each.name, each.message)
                    for each in sorted(said, key=lambda each: (not self._is_own(each), each.name))
                ),
                problem=self._problem,
            )

    def _is_own(self, status: DiagnosticStatus) -> bool:
        name = self._node.resolve_topic_name(self._config.tracker).lstrip("/")
        return bool(status.name.startswith(f"{name}: "))

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """See ``Feed``; gives the target's id."""
        (height, width), frame_id = self._size_frame
        if not height:
            raise SiamMaskError("no picture has come yet; wait for one")
        box = checked_init_box(RotatedBox.from_xywh(box_xywh), width, height)
        if not self._boxes.get_subscription_count():
            raise SiamMaskError(f"{self._config.tracker} is not there; start it")
        with self._lock:
            taken = {target.target_id for target in self._targets} | self._asked_ids
            chosen = target_id or free_id(taken)
            self._asked_ids = {*list(self._asked_ids)[-32:], chosen}
        detection = Detection2D(header=Header(frame_id=frame_id), id=chosen)
        detection.header.stamp.sec, detection.header.stamp.nanosec = divmod(stamp_ns, NANOSECONDS)
        detection.bbox.center.position.x, detection.bbox.center.position.y = box.x, box.y
        detection.bbox.size_x, detection.bbox.size_y = box.width, box.height
        self._boxes.publish(detection)
        return chosen

    def forget(self, target_id: str) -> str:
        """See ``Feed``."""
        if not self._forgotten.get_subscription_count():
            raise SiamMaskError(f"{self._config.tracker} is not there; start it")
        self._forgotten.publish(String(data=target_id))
        return f"target {target_id} is forgotten"

    def reset(self) -> str:
        """See ``Feed``."""
        return self._called(self._reset, Trigger.Request())

    def pause(self, paused: bool) -> str:
        """See ``Feed``."""
        return self._called(self._pause, SetBool.Request(data=paused))

    def _called(self, client: Any, request: Any) -> str:
        """What a service of the tracker's answers; raises SiamMaskError where it does not."""
        if not client.service_is_ready():
            raise SiamMaskError(f"{self._config.tracker} is not there; start it")
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(SERVICE_S):
            client.remove_pending_request(future)
            raise SiamMaskError(
                f"time ran out: {self._config.tracker} has not answered for {SERVICE_S:.0f} s"
            )
        response = future.result()
        if not response.success:
            raise SiamMaskError(response.message)
        return str(response.message)
