"""The interface between the page and a tracker: data to show, commands to execute.

It has two implementations: a ROS 2 node, and a session in the same process. Neither uses HTTP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.drawing import DrawnTarget

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

# Processing stages of a frame, in order.
STAGES = ("transport", "wait", "convert", "crop", "network", "select", "mask", "publish")
WINDOW_FRAMES = 300


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """An image (H, W, 3) BGR with its stamp and its targets. The image must not be changed.

    ``targets`` is None if the tracker has no result for this image.
    """

    image: Image = field(repr=False)
    stamp_ns: int
    targets: tuple[DrawnTarget, ...] | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Duration (ms) of each stage in STAGES for one processed frame, and its age."""

    stages_ms: tuple[float, ...]
    age_ms: float


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One line of diagnostics; ``level`` as in DiagnosticStatus: 0 OK, 1 WARN, 2 ERROR, 3 STALE."""

    level: int
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """The state of camera and tracker at one moment; None and empty if unknown.

    An image older than ``stale_after_s`` is shown as stale. A box must arrive within
    ``box_timeout_s`` of the image that it was drawn on. ``playback`` is the state of a video:
    "loading" the network, "waiting" on the first image, "playing" or "ended"; empty for a camera.
    """

    source: str
    since_frame_s: float | None = None
    stale_after_s: float = 1.0
    box_timeout_s: float = 1.0
    camera_hz: float = 0.0
    answers_hz: float = 0.0
    received: int = 0
    processed: int = 0
    dropped: int = 0
    is_tracker_there: bool = False
    paused: bool = False
    engine: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[DrawnTarget, ...] = ()
    latencies: tuple[Latency, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    problem: str = ""
    playback: str = ""


class Feed(Protocol):
    """A tracker and its camera, as a page needs them. Every method may be called from any thread.

    Commands return a message about what was done, and raise SiamMaskError if they are refused.
    """

    def status(self) -> Status:
        """Return the current state; does not block."""
        ...

    def watch(self, is_watched: bool) -> None:
        """Set whether images are needed; also called for every new page. Does not block."""
        ...

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """Start a target from this box on the image of this stamp."""
        ...

    def forget(self, target_id: str) -> str:
        """Remove this target."""
        ...

    def reset(self) -> str:
        """Remove all targets."""
        ...

    def pause(self, paused: bool) -> str:
        """Stop processing and keep the targets, or resume; starts or restarts a video."""
        ...


@dataclass(slots=True)
class RateMeter:
    """Measures the frequency of an event over the last seconds. Not thread-safe."""

    clock: Callable[[], float]
    window_s: float = 3.0
    _times_s: deque[float] = field(default_factory=lambda: deque(maxlen=600))

    def count(self) -> None:
        """Record one event."""
        self._times_s.append(self.clock())

    @property
    def since_s(self) -> float | None:
        """Seconds since the last event, or None."""
        return self.clock() - self._times_s[-1] if self._times_s else None

    @property
    def hz(self) -> float:
        """Events per second over ``window_s``; 0 if none occurred for that long."""
        now_s = self.clock()
        while self._times_s and now_s - self._times_s[0] > self.window_s:
            if len(self._times_s) == 1:
                return 0.0
            self._times_s.popleft()
        if len(self._times_s) < 2:
            return 0.0
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0


def compute_stale_after_s(camera_hz: float) -> float:
    """Return after which time without an image a camera of this rate counts as silent."""
    return min(max(3.0 / camera_hz, 0.6), 5.0) if camera_hz > 0 else 1.0


def find_free_id(taken: Mapping[str, Any] | set[str]) -> str:
    """Return the smallest whole number that is not a target id yet."""
    return next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
