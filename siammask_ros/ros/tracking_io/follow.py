"""Starts targets: the topics ~/init_box and ~/init_mask and the service ~/follow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D

from siammask_ros.errors import BoxError, SiamMaskError
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh
from siammask_ros.media.image_messages import image_to_mask, stamp_ns
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.deferred_service import DeferredService, Reply
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.tracking_io.messages import read_box
from siammask_ros.session import Session
from siammask_ros.session.requests import OnDone, ignore_outcome
from siammask_ros.srv import Follow

MAX_BOXES = 64
TIMEOUT_CHECK_PERIOD_S = 0.25


@dataclass(frozen=True, slots=True)
class Selection:
    """What to track: a box on the image of this stamp; ``image_size`` as height and width."""

    box: RotatedBox
    target_id: str = ""
    stamp_ns: int = 0
    image_size: tuple[int, int] | None = None


class FollowCommands:
    """Starts targets in the active session, in every state of the node.

    ``active_session`` raises SiamMaskError if the node is not active. ``config`` returns the
    current parameters, ``timeout_s`` how long a call of ~/follow may take.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        active_session: Callable[[], Session],
        config: Callable[[], NodeConfig],
        timeout_s: Callable[[], float],
    ) -> None:
        self._guard = guard
        self._active_session = active_session
        self._config = config
        self._timeout_s = timeout_s
        self._calls: list[FollowCall] = []
        self._calls_lock = threading.Lock()
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic, callback in (
            (Detection2D, "~/init_box", self._on_init_box),
            (Image, "~/init_mask", self._on_init_mask),
        ):
            guarded_callback = guard.wrap(callback, interface=topic)
            node.create_subscription(
                kind, topic, guarded_callback, qos.COMMANDS, callback_group=group
            )
        DeferredService(node, guard, Follow, "~/follow", self._on_follow, group)
        node.create_timer(
            TIMEOUT_CHECK_PERIOD_S,
            guard.wrap(self._end_late_calls),
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def start(
        self, what: str, read: Callable[[], Selection], on_done: OnDone = ignore_outcome
    ) -> None:
        """Start the target that ``read`` returns; every topic and service starts targets here.

        A refusal is logged with ``what`` was refused. ``on_done`` is called once, see
        ``Session.start_target``.
        """
        session: Session | None = None
        try:
            session = self._active_session()
            selection = read()
            session.start_target(
                selection.box,
                selection.target_id,
                selection.stamp_ns,
                selection.image_size,
                on_done,
            )
        except SiamMaskError as error:
            if session is not None:
                session.report_refused_box(str(error))
            self._guard.warn(f"{what} refused", f"{what} refused: {error}")
            on_done("", str(error))

    def warn_refused(self, target_id: str, reason: str) -> None:
        """Log that a box was refused after it had been queued."""
        self._guard.warn("box refused", f"box refused: target {target_id!r}: {reason}")

    def _on_init_box(self, detection: Detection2D) -> None:
        def read() -> Selection:
            box = read_box(detection.bbox)
            return Selection(box, detection.id, stamp_ns(detection.header))

        self.start("box", read)

    def _on_init_mask(self, message: Image) -> None:
        self.start("mask", lambda: self._read_mask(message, message.header))

    def _read_mask(self, message: Image, header: Header, target_id: str = "") -> Selection:
        mask = image_to_mask(message, self._config().max_image_side)
        box = RotatedBox.from_xywh(mask_bounding_xywh(mask))
        return Selection(box, target_id, stamp_ns(header), mask.shape)

    def _on_follow(self, request: Any, reply: Reply) -> None:
        count = 1 if _has_mask(request) else len(request.boxes)
        _check_counts(request, count)
        self._active_session()
        call = FollowCall(count, time.monotonic() + self._timeout_s(), reply)
        with self._calls_lock:
            self._calls.append(call)
        for (what, read), on_done in zip(self._read_all(request, count), call.on_done, strict=True):
            self.start(what, read, on_done)

    def _read_all(self, request: Any, count: int) -> list[tuple[str, Callable[[], Selection]]]:
        """Return what each selection is and the function that reads it."""
        header = _header_of(request)
        ids = list(request.ids) or [""] * count
        if _has_mask(request):
            return [("mask", partial(self._read_mask, request.mask, header, ids[0]))]
        return [
            ("box", partial(_read_selection, box, target_id, header))
            for box, target_id in zip(request.boxes, ids, strict=True)
        ]

    def _end_late_calls(self) -> None:
        """Answer the calls whose time is over, and forget those that have been answered."""
        now_s = time.monotonic()
        with self._calls_lock:
            calls = [call for call in self._calls if not call.is_done]
            late = [call for call in calls if now_s >= call.deadline_s]
            self._calls = [call for call in calls if call not in late]
        for call in late:
            reason = f"not applied within {self._timeout_s():g} s; cancelled"
            for on_done in call.on_done:
                self._active_session().cancel_start(on_done, reason)


class FollowCall:
    """One call of ~/follow: collects the outcome of each box and sends the response."""

    def __init__(self, count: int, deadline_s: float, reply: Reply) -> None:
        self.deadline_s = deadline_s
        self.on_done = [partial(self._set_outcome, index) for index in range(count)]
        self._reply = reply
        self._lock = threading.Lock()
        self._outcomes: list[tuple[str, str] | None] = [None] * count

    @property
    def is_done(self) -> bool:
        """Whether the outcome of every box is known; then the response has been sent."""
        return None not in self._outcomes

    def _set_outcome(self, index: int, target_id: str, reason: str) -> None:
        with self._lock:
            self._outcomes[index] = ("" if reason else target_id, reason)
            outcomes = [outcome for outcome in self._outcomes if outcome is not None]
            if len(outcomes) < len(self._outcomes):
                return
        self._reply.send(_follow_response(outcomes))


def _follow_response(outcomes: list[tuple[str, str]]) -> Follow.Response:
    ids, reasons = ([part[i] for part in outcomes] for i in range(2))
    refused = [reason for reason in reasons if reason]
    tracked = ", ".join(repr(target_id) for target_id in ids if target_id)
    sentences = [
        *([f"tracking {tracked}"] if tracked else []),
        *([f"{len(refused)} of {len(ids)} refused: {refused[0]}"] if refused else []),
    ]
    return Follow.Response(
        success=not refused, message="; ".join(sentences), ids=ids, reasons=reasons
    )


def _has_mask(request: Any) -> bool:
    return bool(len(request.mask.data) or request.mask.width or request.mask.height)


def _header_of(request: Any) -> Header:
    """Return a header with the stamp of the request, or with that of its mask if it has none."""
    header = Header(stamp=request.stamp)
    return header if stamp_ns(header) or not _has_mask(request) else request.mask.header


def _check_counts(request: Any, count: int) -> None:
    """Raise BoxError unless there are boxes or a mask, and as many ids or none."""
    if _has_mask(request) and request.boxes:
        raise BoxError("there are boxes and a mask; expected one of the two")
    if not 1 <= count <= MAX_BOXES:
        raise BoxError(f"there are {count} boxes; expected 1 to {MAX_BOXES}, or a mask")
    if len(request.ids) not in (0, count):
        raise BoxError(f"there are {len(request.ids)} ids; expected {count}, or none")


def _read_selection(box: Any, target_id: str, header: Header) -> Selection:
    return Selection(read_box(box), target_id, stamp_ns(header))
