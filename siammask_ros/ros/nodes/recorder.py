"""The node `recorder`: starts a target from a box and records the tracker's messages.

Every message becomes a line of JSON with its kind and its image's stamp (docs/tracks.md). Masks are
packed to one bit per pixel and compressed. The node does not draw or decode, to keep up.
"""

from __future__ import annotations

import base64
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2D, Detection2DArray

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.image_messages import NANOSECONDS, stamp_ns
from siammask_ros.media.recording import JsonLines
from siammask_ros.media.track_rows import box_row, frame_row, target_row
from siammask_ros.msg import FrameLatency, TrackArray
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.process import run
from siammask_ros.ros.tracking_io.messages import build_box, read_box
from siammask_ros.ros.tracking_io.tracks import convert_track

# Printed when the tracker is active; the parent process waits for it.
READY = "ready"
NOT_READY = 3
NOT_WRITTEN = 2

# name: (default, what it means)
PARAMETERS: dict[str, tuple[Any, str]] = {
    "record": ("", "File for one line of JSON per message; replaced if it exists"),
    "box": (
        [0.0, 0.0, 0.0, 0.0],
        "Target: left, top, width, height on the first processed image",
    ),
    "tracker": ("siammask_tracker", "Name of the tracker node"),
    "ready_timeout": (120.0, "Seconds to wait until the tracker is active"),
}

# Deep enough for the messages that arrive while a line is written.
_QUEUE = QoSProfile(depth=100)
_LATENCIES = tuple(
    name for name in FrameLatency.get_fields_and_field_types() if name.endswith("_ms")
)
_COUNTS = ("received", "processed", "dropped")


class RecorderNode(ClosingNode, Node):
    """Records the messages of one tracker; raises ConfigError or DataError for its parameters."""

    def __init__(self, **node: Any) -> None:
        super().__init__("recorder", **node)
        values = {
            name: self.declare_parameter(
                name, default, ParameterDescriptor(description=about, read_only=True)
            ).value
            for name, (default, about) in PARAMETERS.items()
        }
        if not values["record"]:
            raise ConfigError("record is empty; expected the name of a file to write")
        if len(values["box"]) != 4:
            raise ConfigError(f"box has {len(values['box'])} numbers; expected x, y, w, h")
        self._file = JsonLines(Path(values["record"]), overwrite=True)
        self.closing.callback(self._file.close)
        self.is_writable = True
        self.on_write_error: Callable[[], None] = lambda: None
        self._box = [float(number) for number in values["box"]]
        self._tracker = str(values["tracker"])
        self._ready_timeout_s = float(values["ready_timeout"])
        self._active = threading.Event()
        self._is_box_sent = False
        self._failure = ""
        self._first_ns: int | None = None
        self._create_subscriptions()

    def _create_subscriptions(self) -> None:
        """Subscribe with one callback group, so that lines are written one after the other."""
        subscribe = self.create_subscription
        subscribe(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        for kind, topic, callback in (
            (Image, "mask", self._on_mask),
            (Detection2DArray, "detections", self._on_detections),
            (TrackArray, "tracks", self._on_tracks),
            (FrameLatency, "latency", self._on_latency),
        ):
            subscribe(kind, f"{self._tracker}/{topic}", callback, _QUEUE)
        self._box_publisher = self.create_publisher(
            Detection2D, f"{self._tracker}/init_box", qos.COMMANDS
        )

    def wait_until_active(self, stop_event: threading.Event) -> str:
        """Wait for the tracker; return what went wrong, or ""."""
        until_s = time.monotonic() + self._ready_timeout_s
        while not (self._active.is_set() and self._box_publisher.get_subscription_count()):
            if stop_event.wait(0.05):
                return "stopped"
            if self._failure:
                return self._failure
            if time.monotonic() > until_s:
                return f"{self._tracker} was not active within {self._ready_timeout_s:.0f} s"
        return ""

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name != f"{self._tracker}: image stream":
                continue
            state = {value.key: value.value for value in status.values}.get("state")
            if state == "active":
                self._active.set()
            elif status.level == DiagnosticStatus.ERROR:
                self._failure = status.message

    def _send_box(self, header: Any) -> None:
        """Start the target on an image that the tracker has certainly received."""
        detection = Detection2D(header=header)
        left, top, width, height = self._box
        detection.bbox = build_box(RotatedBox.from_xywh((left, top, width, height)))
        self._box_publisher.publish(detection)
        self._write("box", header, box_xywh=self._box)

    def _on_mask(self, message: Image) -> None:
        mask = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        bits = np.packbits(mask[:, : message.width] > 0, axis=1)
        packed = base64.b64encode(zlib.compress(bits.tobytes(), 1)).decode()
        self._write("mask", message.header, height=message.height, width=message.width, bits=packed)

    def _on_detections(self, message: Detection2DArray) -> None:
        detections = [
            {
                "id": detection.id,
                "score": detection.results[0].hypothesis.score,
                "box": box_row(read_box(detection.bbox)),
            }
            for detection in message.detections
        ]
        self._write("detections", message.header, detections=detections)

    def _on_tracks(self, message: TrackArray) -> None:
        time_ns = stamp_ns(message.header)
        self._first_ns = time_ns if self._first_ns is None else self._first_ns
        targets = [
            target_row(convert_track(track), read_box(track.observed_box), track.mask_area)
            for track in message.tracks
        ]
        since_s = (time_ns - self._first_ns) / NANOSECONDS
        self._write_row(frame_row(targets, frame=None, stamp_s=since_s, stamp_ns=time_ns))

    def _on_latency(self, message: FrameLatency) -> None:
        if not self._is_box_sent:
            self._is_box_sent = True
            self._send_box(message.header)
        values = {name: getattr(message, name) for name in (*_LATENCIES, *_COUNTS)}
        self._write("latency", message.header, **values)

    def _write(self, kind: str, header: Any, **values: Any) -> None:
        self._write_row({"kind": kind, "stamp_ns": stamp_ns(header), **values})

    def _write_row(self, row: Mapping[str, Any]) -> None:
        if not self.is_writable:
            return
        try:
            self._file.write(row)
        except DataError as error:
            self.is_writable = False
            print(f"error: {error}", file=sys.stderr, flush=True)
            self.on_write_error()


def _record(node: RecorderNode, stop_event: threading.Event) -> int:
    node.on_write_error = stop_event.set
    failure = node.wait_until_active(stop_event)
    print(failure or READY, flush=True)
    if not failure:
        stop_event.wait()
    if not node.is_writable:
        return NOT_WRITTEN
    return NOT_READY if failure else 0


def main(args: Sequence[str] | None = None) -> int:
    """Record until a signal; return the exit code.

    2 if writing failed, 3 if the tracker did not become active.
    """
    return run(RecorderNode, args, _record)


if __name__ == "__main__":
    sys.exit(main())
