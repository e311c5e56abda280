"""Images of several publishers that arrive on one topic."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 10.0
# A restarted camera begins to count again, once.
_MIN_STEPS_BACK = 3


class MixedImages:
    """Detects by the sequence numbers of the messages that several publishers send images.

    The numbers of one publisher never decrease. The graph alone is not enough: it lists publishers
    that send nothing, and a killed one for about 20 s more. Thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = -1
        self._steps_back_s: deque[float] = deque(maxlen=_MIN_STEPS_BACK)

    def add(self, number: int) -> None:
        """Record the sequence number of an image.

        A middleware without sequence numbers gives the same one to each image.
        """
        with self._lock:
            if number <= self._last:
                self._steps_back_s.append(self._clock())
            self._last = number

    def remark(self, publishers: int, topic: str) -> str:
        """Return a warning if images of several publishers are mixed, else an empty text."""
        with self._lock:
            steps_s = tuple(self._steps_back_s)
        is_mixed = len(steps_s) == _MIN_STEPS_BACK and self._clock() - steps_s[0] < WINDOW_S
        if publishers < 2 or not is_mixed:
            return ""
        return f"{publishers} publishers on {topic}; expected one: their images are mixed"
