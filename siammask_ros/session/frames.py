"""What goes into a session and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ImageError
from siammask_ros.tracker.masks import label_map
from siammask_ros.tracker.targets import TargetResult

# Why a frame got no answer; a stream has further reasons.
REPLACED, REFUSED, FAILED = "replaced", "refused", "failed"


@dataclass(frozen=True, slots=True)
class FrameTime:
    """When a frame was taken (``stamp_ns``, 0 where unknown) and when it arrived, without it."""

    stamp_ns: int
    arrived_s: float

    def seconds_since(self, earlier: FrameTime) -> float:
        """Time from an earlier frame to this one: by their stamps, where both have one."""
        if self.stamp_ns and earlier.stamp_ns and self.stamp_ns >= earlier.stamp_ns:
            return (self.stamp_ns - earlier.stamp_ns) / 1e9
        return max(self.arrived_s - earlier.arrived_s, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera picture.

    ``image`` (H, W, 3) uint8 BGR, which nobody may write to any more; ``stamp_ns`` when it was
    taken, 0 where unknown; ``arrived_s`` on the session's clock. ``transport_ms`` and
    ``convert_ms`` are what it took until then. With ``is_of_other_clock`` the stamp does not tell
    how old the image is. Raises ImageError for any other array.
    """

    image: NDArray[np.uint8] = field(repr=False)
    stamp_ns: int
    arrived_s: float
    frame_id: str = ""
    transport_ms: float = 0.0
    convert_ms: float = 0.0
    is_of_other_clock: bool = False

    def __post_init__(self) -> None:
        image: Any = self.image
        fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
        if not fits or image.shape[2] != 3 or 0 in image.shape:
            what = (
                f"{image.dtype} {image.shape}"
                if isinstance(image, np.ndarray)
                else type(image).__name__
            )
            raise ImageError(f"picture is {what}; expected a uint8 array of (height, width, 3)")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.image.shape[0]), int(self.image.shape[1])

    @property
    def time(self) -> FrameTime:
        """When it was taken and when it arrived."""
        return FrameTime(self.stamp_ns, self.arrived_s)


@dataclass(frozen=True, slots=True)
class TrackedTarget:
    """A target by its id on one frame; ``unseen_s`` since the last frame that showed it."""

    target_id: str
    result: TargetResult
    unseen_s: float


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the frames since the session began.

    ``dropped`` holds those that got no answer although the session ran, by reason: replaced by a
    newer one, out of order, inconsistent, refused, failed. ``paused`` are those that were passed
    over during a pause. So ``received`` is the sum of all but those that are being worked on: one
    that waits and one that is taken up, at most.
    """

    received: int = 0
    processed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    paused: int = 0

    @property
    def dropped_in_total(self) -> int:
        """Frames that got no answer although the session ran."""
        return sum(self.dropped.values())


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What one frame told of every target, made with exactly one configuration.

    ``stages_ms`` holds crop, network, select and mask; ``targets`` are in the order in which
    they were given.
    """

    frame: Frame
    targets: tuple[TrackedTarget, ...]
    config_serial: int
    wait_ms: float = 0.0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)

    def labels(self) -> NDArray[np.uint8]:
        """Whose each pixel is: (H, W) uint8, k for the k-th of ``targets`` (from 1), else 0."""
        return label_map([target.result.mask for target in self.targets], self.frame.size)

    def mask(self) -> NDArray[np.uint8]:
        """All targets together on the whole picture: (H, W) uint8, 255 on a target, else 0."""
        return np.asarray(np.minimum(self.labels(), 1) * np.uint8(255))
