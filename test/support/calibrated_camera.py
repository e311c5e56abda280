"""The calibration of the camera that took the pictures of the moving square."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from support.node_bench import NodeBench
from support.session_bench import wait_until

FOCAL_PX = 300.0
CENTER_PX = (160.0, 120.0)


def camera_info(**changes: Any) -> CameraInfo:
    """A camera without distortion, 320×240 px; ``changes`` are fields of the message."""
    (cx, cy), focal = CENTER_PX, FOCAL_PX
    fields: dict[str, Any] = {
        "header": Header(frame_id="camera"),
        "width": 320,
        "height": 240,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": [focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0],
        "p": [focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    }
    return CameraInfo(**{**fields, **changes})


def towards(x: float, y: float) -> tuple[float, float, float]:
    """The unit vector of a pixel without distortion."""
    ahead = np.array([(x - CENTER_PX[0]) / FOCAL_PX, (y - CENTER_PX[1]) / FOCAL_PX, 1.0])
    ahead /= math.sqrt(float(ahead @ ahead))
    return float(ahead[0]), float(ahead[1]), float(ahead[2])


class CameraInfos:
    """Publishes calibrations to the node of a bench."""

    def __init__(self, bench: NodeBench) -> None:
        self._bench = bench
        self._publisher = bench.publisher(CameraInfo, "/camera_info")

    def publish(self, **changes: Any) -> None:
        self._publisher.publish(camera_info(**changes))

    def until_told(self, words: str, **changes: Any) -> str:
        """Publishes until diagnostics say these words of where bearings come from."""

        def told() -> str | None:
            self.publish(**changes)
            bearing = said_of(self._bench, "bearing")
            return bearing if words in bearing else None

        return str(wait_until(told, f"diagnostics to say {words!r} of the bearing"))


def said_of(bench: NodeBench, what: str) -> str:
    """What diagnostics say of where bearings or positions come from."""
    status = bench.client.status("targets")
    values = {item.key: item.value for item in status.values} if status else {}
    return str(values.get(what, ""))
