"""The node `player`: publishes a video file, a folder of images or a bag as a camera."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from builtin_interfaces.msg import Time
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media.frames import SourceFrame, open_source
from siammask_ros.media.image_messages import NANOSECONDS, stamp_ns
from siammask_ros.media.recording import check_output_file
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.process import run
from siammask_ros.ros.tracking_io.messages import build_image

DISCOVERY_S = 0.5
# A jump of the source's stamps must not stop the player for hours.
MAX_STEP_S = 10.0

# name: (default, what it means)
PARAMETERS: dict[str, tuple[Any, str]] = {
    "source": ("", "Video file, folder of images, bag (rosbag2) or camera number"),
    "topic": ("", "Image topic of a bag; may be empty if there is only one"),
    "keep_headers": (False, "Publish a bag's images with their own stamps and frame_ids"),
    "rate": (0.0, "Images per second; 0: as recorded"),
    "loop": (False, "Start again at the end"),
    "first_frame": (0, "Number of the first image"),
    "last_frame": (-1, "Number of the last image; -1: the end"),
    "frame_id": ("camera", "frame_id of the images"),
    "wait_for_subscribers": (0, "Number of image subscribers to wait for"),
    "preload": (False, "Decode all images before publishing the first"),
    "log": ("", "New file with `number stamp_ns` of every published image; empty: none"),
}


class PlayerNode(ClosingNode, Node):
    """Publishes the images of a source on `image`, stamped with the publishing time.

    With ``keep_headers``, images of a bag keep their recorded headers; with ``loop`` their stamps
    then jump back at the end.

    Raises ConfigError for an illegal parameter and DataError if the source cannot be read.
    """

    def __init__(self, **node: Any) -> None:
        super().__init__("player", **node)
        values = {name: self._declare(name) for name in PARAMETERS}
        if not values["source"]:
            raise ConfigError("source is empty; expected a video, a folder, a bag or a camera")
        if not 0 <= values["rate"] <= 1000:
            raise ConfigError(f"rate is {values['rate']}; expected 0 (the source's own) to 1000")
        last = values["last_frame"] if values["last_frame"] >= 0 else None
        self._source = open_source(values["source"], values["first_frame"], last, values["topic"])
        self._period_s = 1.0 / (values["rate"] or self._source.fps)
        self._values = values
        self._images = self.create_publisher(Image, "image", qos.PLAYBACK)
        self._log = _open_log(values["log"])
        if self._log is not None:
            self.closing.callback(self._log.close)

    def _declare(self, name: str) -> Any:
        default, about = PARAMETERS[name]
        descriptor = ParameterDescriptor(description=about, read_only=True)
        # Accept `rate:=25` for 25.0.
        descriptor.dynamic_typing = isinstance(default, float)
        value = self.declare_parameter(name, default, descriptor).value
        if isinstance(default, float):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{name} is {value!r}; expected a number")
            return float(value)
        return value

    def play(self, stop_event: threading.Event) -> int:
        """Publish the source once, or repeatedly with ``loop``; return the number of images."""
        frames: Any = list(self._source) if self._values["preload"] else self._source
        self._wait_for_subscribers(stop_event)
        self.get_logger().info(f"playing {self._source.name} at {1 / self._period_s:.2f} Hz")
        count = 0
        due_s = time.monotonic()
        last_s = 0.0
        for frame in self._repeat(frames):
            if count:
                due_s += self._step_s(last_s, frame.stamp_s)
                due_s = max(due_s, time.monotonic() - self._period_s)
            last_s = frame.stamp_s
            # Relative to the schedule, so that delays do not add up.
            if stop_event.wait(max(due_s - time.monotonic(), 0.0)):
                break
            header = self._build_header(frame)
            self._images.publish(build_image(header, frame.image_bgr))
            self._log_frame(frame.number, header)
            count += 1
        self.get_logger().info(f"published {count} images")
        return count

    def _step_s(self, last_s: float, stamp_s: float) -> float:
        """Return the time to the next image: from the source, or from the parameter `rate`."""
        if self._values["rate"] or stamp_s <= last_s:
            return self._period_s
        return min(stamp_s - last_s, MAX_STEP_S)

    def _repeat(self, frames: Any) -> Iterator[Any]:
        yield from frames
        while self._values["loop"]:
            yield from frames

    def _wait_for_subscribers(self, stop_event: threading.Event) -> None:
        while self._images.get_subscription_count() < self._values["wait_for_subscribers"]:
            if stop_event.wait(0.02):
                return
        if self._values["wait_for_subscribers"]:
            # Discovery is not symmetric: the subscriber may not have discovered the player yet.
            stop_event.wait(DISCOVERY_S)

    def _log_frame(self, number: int, header: Header) -> None:
        if self._log is None:
            return
        try:
            self._log.write(f"{number} {stamp_ns(header)}\n".encode())
        except OSError as error:
            raise DataError(f"{self._values['log']} cannot be written: {error.strerror}") from error

    def _build_header(self, frame: SourceFrame) -> Header:
        taken_ns, frame_id = self.get_clock().now().nanoseconds, self._values["frame_id"]
        if self._values["keep_headers"] and frame.origin is not None:
            taken_ns, frame_id = frame.origin.stamp_ns, frame.origin.frame_id
        seconds, nanoseconds = divmod(taken_ns, NANOSECONDS)
        return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def _open_log(name: str) -> IO[bytes] | None:
    """Return a new file, or None without a name; raises DataError."""
    if not name:
        return None
    path = check_output_file(Path(name))
    try:
        return path.open("xb", buffering=0)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _play(node: PlayerNode, stop_event: threading.Event) -> int:
    try:
        node.play(stop_event)
    except DataError as error:
        node.get_logger().error(str(error))
        return 2
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Play until the end or a signal; return the exit code, 2 for a damaged source."""
    return run(PlayerNode, args, _play)


if __name__ == "__main__":
    sys.exit(main())
