"""Shots to pictures for pages, in a thread of its own: the newest one, so many a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import Shot
from siammask_ros.web.messages import Picture, picture_message

_log = logging.getLogger(__name__)

LOG_PERIOD_S = 5.0


class Projector:
    """Makes pictures of shots and hands them to ``deliver``.

    A shot that still waits when the next one comes is replaced: who takes pictures never waits.
    One that cannot be encoded is left out; ``problem`` says why until the next one that can.
    """

    def __init__(self, config: WebConfig, deliver: Callable[[Picture], None]) -> None:
        self._config = config
        self._deliver = deliver
        self._period_s = 1.0 / config.stream_rate_hz
        self._wake = threading.Condition()
        self._shot: Shot | None = None
        self._closed = False
        self._number = 0
        self.problem = ""
        self._logged_s = -LOG_PERIOD_S
        self._thread = threading.Thread(target=self._run, name="siammask pictures", daemon=True)
        self._thread.start()

    def put(self, shot: Shot) -> None:
        """Leaves a shot to be shown; returns at once."""
        with self._wake:
            self._shot = shot
            self._wake.notify()

    def close(self) -> None:
        """Ends the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(2.0)

    def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._shot is not None)
                self._wake.wait_for(lambda: self._closed, max(due_s - time.monotonic(), 0.0))
                if self._closed:
                    return
                shot, self._shot = self._shot, None
            assert shot is not None
            # Against the schedule, so that a camera of the same rate loses nothing to jitter.
            due_s = max(due_s + self._period_s, time.monotonic() - self._period_s)
            self._number += 1
            try:
                self._deliver(Picture(self._number, self._encoded(shot)))
                self.problem = ""
            except Exception as error:
                self._note(error)

    def _encoded(self, shot: Shot) -> bytes:
        config = self._config
        return picture_message(shot, self._number, config.jpeg_quality, config.stream_max_side)

    def _note(self, error: Exception) -> None:
        """Pictures go on whatever one of them was: a page that stands still says nothing."""
        self.problem = f"a picture cannot be shown: {type(error).__name__}: {error}"
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_PERIOD_S:
            self._logged_s = now_s
            _log.error("caught in the pictures of the dashboard", exc_info=error)
