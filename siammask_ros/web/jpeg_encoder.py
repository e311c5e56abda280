"""Encodes the newest frame for the pages, in its own thread and at a limited rate."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import AnnotatedFrame
from siammask_ros.web.messages import EncodedFrame, encode_frame

_log = logging.getLogger(__name__)

LOG_PERIOD_S = 5.0


class JpegEncoder:
    """Encodes frames and passes them to ``deliver``.

    A waiting frame is replaced by the next one, so ``put`` never blocks. A frame that cannot be
    encoded is skipped; ``problem`` says why until the next success.
    """

    def __init__(self, config: WebConfig, deliver: Callable[[EncodedFrame], None]) -> None:
        self._config = config
        self._deliver = deliver
        self._period_s = 1.0 / config.stream_rate_hz
        self._wake = threading.Condition()
        self._frame: AnnotatedFrame | None = None
        self._closed = False
        self._number = 0
        self.problem = ""
        self._logged_s = -LOG_PERIOD_S
        self._thread = threading.Thread(target=self._run, name="siammask jpeg", daemon=True)
        self._thread.start()

    def put(self, frame: AnnotatedFrame) -> None:
        """Queue a frame; does not block."""
        with self._wake:
            self._frame = frame
            self._wake.notify()

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(2.0)

    def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._frame is not None)
                self._wake.wait_for(lambda: self._closed, max(due_s - time.monotonic(), 0.0))
                if self._closed:
                    return
                frame, self._frame = self._frame, None
            assert frame is not None
            # Relative to the schedule: a camera of the same rate loses no frame to jitter.
            due_s = max(due_s + self._period_s, time.monotonic() - self._period_s)
            self._number += 1
            try:
                self._deliver(EncodedFrame(self._number, self._encode(frame)))
                self.problem = ""
            except Exception as error:
                self._record_failure(error)

    def _encode(self, frame: AnnotatedFrame) -> bytes:
        config = self._config
        return encode_frame(frame, self._number, config.jpeg_quality, config.stream_max_side)

    def _record_failure(self, error: Exception) -> None:
        """Store and log the error; the thread continues with the next frame."""
        self.problem = f"an image cannot be encoded: {type(error).__name__}: {error}"
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_PERIOD_S:
            self._logged_s = now_s
            _log.error("an image for the page was skipped: it could not be encoded", exc_info=error)
