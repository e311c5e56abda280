"""Counts images that the middleware lost, and says what to do."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

from rclpy.utilities import get_rmw_implementation_identifier

# Fast DDS 3 reads the first variable, Fast DDS 2 the second.
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
# Larger messages do not fit into the default shared memory of Fast DDS.
FAST_DDS_LIMIT_BYTES = 512 << 10
WINDOW_S = 10.0
# With best effort, fewer lost images are normal.
_MIN_LOST = 3
_MIN_SHARE = 0.1


class LostImages:
    """Counts the images that arrived and those that the middleware reports as lost.

    Thread-safe. ``total`` is the number of lost images so far.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._size_bytes = 0
        # Time, arrived, lost
        self._recent: deque[tuple[float, int, int]] = deque()

    def add_arrived(self, size_bytes: int) -> None:
        """Count an image that arrived."""
        self._size_bytes = size_bytes
        self._add(1, 0)

    def add_lost(self, count: int) -> None:
        """Count images that were lost."""
        self.total += count
        self._add(0, count)

    def remark(self) -> str:
        """Return how many images were lost recently and what to do, or an empty text."""
        with self._lock:
            self._forget_old()
            arrived = sum(each for _, each, _ in self._recent)
            lost = sum(each for _, _, each in self._recent)
        if lost < max(_MIN_LOST, _MIN_SHARE * (arrived + lost)):
            return ""
        return (
            f"{lost} of {arrived + lost} images of the last {WINDOW_S:.0f} s were lost on their "
            f"way; {self._cure()}"
        )

    def _cure(self) -> str:
        is_large = not self._size_bytes or self._size_bytes > FAST_DDS_LIMIT_BYTES
        if not ("fastrtps" in get_rmw_implementation_identifier() and is_large):
            return "the network or this machine does not keep up: publish smaller or fewer images"
        if any(os.environ.get(name) for name in PROFILE_VARIABLES):
            return (
                f"is {' or '.join(PROFILE_VARIABLES)} set for the camera's process, too? Fast DDS "
                "loses images of more than 0.5 MB without config/fastdds.xml"
            )
        return (
            "Fast DDS loses images of more than 0.5 MB without a profile: set "
            f"{' and '.join(PROFILE_VARIABLES)} to $(ros2 pkg prefix --share siammask_ros)/"
            "config/fastdds.xml for this process and the camera's"
        )

    def _add(self, arrived: int, lost: int) -> None:
        with self._lock:
            self._recent.append((self._clock(), arrived, lost))
            self._forget_old()

    def _forget_old(self) -> None:
        oldest_s = self._clock() - WINDOW_S
        while self._recent and self._recent[0][0] < oldest_s:
            self._recent.popleft()
