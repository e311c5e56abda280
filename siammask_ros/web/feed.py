"""What the page is fed with, and what it may ask for: the protocol between page and tracker.

Two things stand behind it: a ROS 2 node, and a session in the same process. Neither knows HTTP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

# Where a frame's time goes, in the order in which it goes there.
STAGES = ("transport", "wait", "convert", "crop", "network", "select", "mask", "publish")
WINDOW_FRAMES = 300


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A target as the page shows it; all coordinates in pixels of the picture.

    ``state`` is a word such as TRACKING, ``corners_xy`` (4, 2) the rotated box, ``contours`` the
    borders of the mask's parts and holes, each (n, 2); none where the picture does not show it.
    ``is_searched`` is whether the tracker looks for it.
    """

    target_id: str
    state: str
    reason: str
    score: float
    corners_xy: NDArray[Any]
    contours: tuple[NDArray[Any], ...] = ()
    is_searched: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture (H, W, 3) BGR that nobody writes to, its stamp, and what it shows.

    ``targets`` is None for a picture that the tracker has not answered.
    """

    image: Image = field(repr=False)
    stamp_ns: int
    targets: tuple[Target, ...] | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time of one answered frame went (ms), by the names of STAGES, and its age."""

    stages_ms: tuple[float, ...]
    age_ms: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of diagnostics; ``level`` as in DiagnosticStatus: 0 OK, 1 WARN, 2 ERROR, 3 STALE."""

    level: int
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """How everything is, at one moment; None and empty where nobody has told.

    ``stale_after_s`` is when a picture counts as old; ``choose_within_s`` how long the tracker
    keeps a picture for a box that is drawn on it. ``playback`` is what a video does: "loading"
    while the network is loaded, "waiting" on its first picture, "playing" or "ended"; empty for a
    camera, which nobody can hold.
    """

    source: str
    since_picture_s: float | None = None
    stale_after_s: float = 1.0
    choose_within_s: float = 1.0
    camera_hz: float = 0.0
    answers_hz: float = 0.0
    received: int = 0
    processed: int = 0
    dropped: int = 0
    is_tracker_there: bool = False
    paused: bool = False
    engine: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    latencies: tuple[Latency, ...] = ()
    diagnostics: tuple[Diagnosis, ...] = ()
    problem: str = ""
    playback: str = ""


class Feed(Protocol):
    """A tracker and its camera, as a page sees them; every method from any thread.

    Commands raise SiamMaskError where they are refused, and give a sentence on what was done.
    """

    def status(self) -> Status:
        """How everything is now; returns at once."""
        ...

    def watch(self, is_watched: bool) -> None:
        """Whether anybody looks: pictures are wanted only then; called for every new page, too.

        Returns at once.
        """
        ...

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """Follow what the box shows on the picture of this stamp."""
        ...

    def forget(self, target_id: str) -> str:
        """Follow this target no longer."""
        ...

    def reset(self) -> str:
        """Follow nothing any longer."""
        ...

    def pause(self, paused: bool) -> str:
        """Take up no pictures and keep the targets, or go on; a video begins, or plays again."""
        ...


@dataclass(slots=True)
class Rate:
    """How often something happened in the last seconds. Not thread-safe."""

    clock: Callable[[], float]
    window_s: float = 3.0
    _times_s: deque[float] = field(default_factory=lambda: deque(maxlen=600))

    def count(self) -> None:
        """It happened now."""
        self._times_s.append(self.clock())

    @property
    def since_s(self) -> float | None:
        """Seconds since it last happened, None if never."""
        return self.clock() - self._times_s[-1] if self._times_s else None

    @property
    def hz(self) -> float:
        """Times a second, over those of the last ``window_s``; 0 after a silence of as long."""
        now_s = self.clock()
        while self._times_s and now_s - self._times_s[0] > self.window_s:
            if len(self._times_s) == 1:
                return 0.0
            self._times_s.popleft()
        if len(self._times_s) < 2:
            return 0.0
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0


def stale_after_s(camera_hz: float) -> float:
    """When a camera of this rate counts as silent: so that it is told within a second."""
    return min(max(3.0 / camera_hz, 0.6), 5.0) if camera_hz > 0 else 1.0


def free_id(taken: Mapping[str, Any] | set[str]) -> str:
    """The smallest whole number that is not the id of a target yet."""
    return next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
