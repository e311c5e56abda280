"""Images of several publishers that arrive on one topic."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 10.0
# A camera that was started again begins to count anew, once.
_MIN_STEPS_BACK = 3


class MixedImages:
    """Finds out by the publishers' own counts of their messages whether several send images.

    A publisher counts upwards, so the numbers of one never step back. That tells more than the
    graph, which lists publishers that send nothing, and a killed one for some twenty seconds more.
    Thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = -1
        self._steps_back_s: deque[float] = deque(maxlen=_MIN_STEPS_BACK)

    def add(self, number: int) -> None:
        """Take note of an image that its publisher gave this number.

        A middleware that does not tell it gives every image the same one.
        """
        with self._lock:
            if number <= self._last:
                self._steps_back_s.append(self._clock())
            self._last = number

    def remark(self, publishers: int, topic: str) -> str:
        """Return how many publishers the topic has where their images mix, or nothing."""
        with self._lock:
            steps_s = tuple(self._steps_back_s)
        is_mixed = len(steps_s) == _MIN_STEPS_BACK and self._clock() - steps_s[0] < WINDOW_S
        if publishers < 2 or not is_mixed:
            return ""
        return f"{publishers} publishers on {topic}; expected one, for their images mix"
