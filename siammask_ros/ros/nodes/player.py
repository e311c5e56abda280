"""The node `player`: a video file, a folder of pictures or a bag as a camera."""

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
from siammask_ros.media.recording import checked_output
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.process import run
from siammask_ros.ros.tracking_io.messages import build_image

MATCHED_BOTH_WAYS_S = 0.5
# A source whose clock was set must not stop the player for hours.
MAX_STEP_S = 10.0

# name: (default, what it means)
PARAMETERS: dict[str, tuple[Any, str]] = {
    "source": ("", "Video file, folder of pictures, bag (rosbag2) or number of a camera"),
    "topic": ("", "Whose images of a bag; may be empty where there is only one such topic"),
    "keep_headers": (False, "Publish a bag's images with their own stamps and frame_ids"),
    "rate": (0.0, "Pictures per second; 0 for the source's own times"),
    "loop": (False, "Begin again at the end"),
    "first_frame": (0, "First picture of the source that is published"),
    "last_frame": (-1, "Last one; -1 for the end"),
    "frame_id": ("camera", "frame_id of the images"),
    "wait_for_subscribers": (0, "Begin only when so many listen to the images"),
    "preload": (False, "Decode everything before the first picture is published"),
    "log": ("", "New file that gets `number stamp_ns` of every published picture; empty for none"),
}


class PlayerNode(ClosingNode, Node):
    """Publishes the pictures of a source on `image`, stamped with the time they are published.

    With ``keep_headers`` those of a bag keep the headers that they were recorded with: with
    ``loop`` their stamps then jump back at the end.

    Raises ConfigError for an illegal parameter and DataError where there is nothing to read.
    """

    def __init__(self, **node: Any) -> None:
        super().__init__("player", **node)
        values = {name: self._declared(name) for name in PARAMETERS}
        if not values["source"]:
            raise ConfigError("source is empty; expected a video, a folder, a bag or a camera")
        if not 0 <= values["rate"] <= 1000:
            raise ConfigError(f"rate is {values['rate']}; expected 0 (the source's own) to 1000")
        last = values["last_frame"] if values["last_frame"] >= 0 else None
        self._source = open_source(values["source"], values["first_frame"], last, values["topic"])
        self._period_s = 1.0 / (values["rate"] or self._source.fps)
        self._values = values
        self._images = self.create_publisher(Image, "image", qos.PLAYED)
        self._log = _opened_log(values["log"])
        if self._log is not None:
            self.closing.callback(self._log.close)

    def _declared(self, name: str) -> Any:
        default, about = PARAMETERS[name]
        descriptor = ParameterDescriptor(description=about, read_only=True)
        # So that `rate:=25` may stand for 25.0.
        descriptor.dynamic_typing = isinstance(default, float)
        value = self.declare_parameter(name, default, descriptor).value
        if isinstance(default, float):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{name} is {value!r}; expected a number")
            return float(value)
        return value

    def play(self, asked_to_stop: threading.Event) -> int:
        """Publishes everything once, or for ever with ``loop``; how many pictures it was."""
        pictures: Any = list(self._source) if self._values["preload"] else self._source
        self._wait_for_subscribers(asked_to_stop)
        self.get_logger().info(f"playing {self._source.name} at {1 / self._period_s:.2f} Hz")
        count = 0
        due_s = time.monotonic()
        before_s = 0.0
        for picture in self._rounds(pictures):
            if count:
                due_s += self._step_s(before_s, picture.stamp_s)
                due_s = max(due_s, time.monotonic() - self._period_s)
            before_s = picture.stamp_s
            # Against the schedule, not after the last picture: delays do not add up.
            if asked_to_stop.wait(max(due_s - time.monotonic(), 0.0)):
                break
            header = self._header(picture)
            self._images.publish(build_image(header, picture.image_bgr))
            self._note(picture.number, header)
            count += 1
        self.get_logger().info(f"published {count} images")
        return count

    def _step_s(self, before_s: float, stamp_s: float) -> float:
        """The time from one picture to the next: the source's own, or that of a given rate."""
        if self._values["rate"] or stamp_s <= before_s:
            return self._period_s
        return min(stamp_s - before_s, MAX_STEP_S)

    def _rounds(self, pictures: Any) -> Iterator[Any]:
        yield from pictures
        while self._values["loop"]:
            yield from pictures

    def _wait_for_subscribers(self, asked_to_stop: threading.Event) -> None:
        while self._images.get_subscription_count() < self._values["wait_for_subscribers"]:
            if asked_to_stop.wait(0.02):
                return
        if self._values["wait_for_subscribers"]:
            # We know of a reader before it knows of us, and until then it would hear nothing.
            asked_to_stop.wait(MATCHED_BOTH_WAYS_S)

    def _note(self, number: int, header: Header) -> None:
        if self._log is None:
            return
        try:
            self._log.write(f"{number} {stamp_ns(header)}\n".encode())
        except OSError as error:
            raise DataError(f"{self._values['log']} cannot be written: {error.strerror}") from error

    def _header(self, picture: SourceFrame) -> Header:
        taken_ns, frame_id = self.get_clock().now().nanoseconds, self._values["frame_id"]
        if self._values["keep_headers"] and picture.origin is not None:
            taken_ns, frame_id = picture.origin.stamp_ns, picture.origin.frame_id
        seconds, nanoseconds = divmod(taken_ns, NANOSECONDS)
        return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def _opened_log(name: str) -> IO[bytes] | None:
    """A new file, or None without a name; raises DataError."""
    if not name:
        return None
    path = checked_output(Path(name))
    try:
        return path.open("xb", buffering=0)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _play(node: PlayerNode, asked_to_stop: threading.Event) -> int:
    try:
        node.play(asked_to_stop)
    except DataError as error:
        node.get_logger().error(str(error))
        return 2
    return 0


def main(args: Sequence[str] | None = None) -> int:
    """Plays until the end of the source or a signal; the exit code, 2 for a damaged source."""
    return run(PlayerNode, args, _play)


if __name__ == "__main__":
    sys.exit(main())
