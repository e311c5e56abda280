"""Input and output values of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ImageError
from siammask_ros.tracker.masks import label_map
from siammask_ros.tracker.targets import Status, TargetResult

# Why a frame has no result; stream.py has further reasons.
REPLACED, REFUSED, FAILED = "replaced", "refused", "failed"


@dataclass(frozen=True, slots=True)
class FrameTime:
    """Capture time (``stamp_ns``, 0 if unknown) and arrival time of a frame."""

    stamp_ns: int
    arrived_s: float

    def seconds_since(self, earlier: FrameTime) -> float:
        """Return the time since an earlier frame: from the stamps if both have one."""
        if self.stamp_ns and earlier.stamp_ns and self.stamp_ns >= earlier.stamp_ns:
            return (self.stamp_ns - earlier.stamp_ns) / 1e9
        return max(self.arrived_s - earlier.arrived_s, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of a camera stream, with its stamp.

    ``image`` is (H, W, 3) uint8 BGR and must not be changed afterwards. ``stamp_ns`` is the capture
    time, 0 if unknown; ``arrived_s`` is on the session's clock. ``transport_ms`` and ``convert_ms``
    are the delays before submission. ``has_other_clock`` means that the stamp does not tell the age
    of the image. Raises ImageError for any other array.
    """

    image: NDArray[np.uint8] = field(repr=False)
    stamp_ns: int
    arrived_s: float
    frame_id: str = ""
    transport_ms: float = 0.0
    convert_ms: float = 0.0
    has_other_clock: bool = False

    def __post_init__(self) -> None:
        image: Any = self.image
        fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
        if not fits or image.shape[2] != 3 or 0 in image.shape:
            what = (
                f"{image.dtype} {image.shape}"
                if isinstance(image, np.ndarray)
                else type(image).__name__
            )
            raise ImageError(f"image is {what}; expected a uint8 array of (height, width, 3)")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.image.shape[0]), int(self.image.shape[1])

    @property
    def time(self) -> FrameTime:
        """Capture time and arrival time."""
        return FrameTime(self.stamp_ns, self.arrived_s)


@dataclass(frozen=True, slots=True)
class TrackedTarget:
    """The result of one target on one frame; ``unseen_s`` is the time since it was last visible."""

    target_id: str
    result: TargetResult
    unseen_s: float

    @property
    def is_visible(self) -> bool:
        """Whether the image shows the target; otherwise its box is an older one."""
        return self.result.status in (Status.TRACKING, Status.UNCERTAIN) and self.unseen_s == 0


@dataclass(frozen=True, slots=True)
class Counters:
    """What happened to the frames since the session started.

    ``dropped`` counts the frames without a result, by reason: replaced by a newer frame, out of
    order, inconsistent, refused, failed. ``paused`` counts the frames ignored during a pause.
    ``received`` is the sum of all counters plus the frames in work: one waiting, one processed.
    """

    received: int = 0
    processed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    paused: int = 0

    @property
    def total_dropped(self) -> int:
        """Frames without a result, pauses not counted."""
        return sum(self.dropped.values())


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The results of all targets on one frame, computed with exactly one configuration.

    ``stages_ms`` has the keys crop, network, select and mask. ``targets`` are in the order in which
    they were started.
    """

    frame: Frame
    targets: tuple[TrackedTarget, ...]
    config_serial: int
    wait_ms: float = 0.0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)

    def labels(self) -> NDArray[np.uint8]:
        """Return the label image: (H, W) uint8, k for the k-th of ``targets`` (from 1), else 0."""
        return label_map([target.result.mask for target in self.targets], self.frame.size)

    def mask(self) -> NDArray[np.uint8]:
        """Return one mask for all targets: (H, W) uint8, 255 on a target, else 0."""
        return np.asarray(np.minimum(self.labels(), 1) * np.uint8(255))
