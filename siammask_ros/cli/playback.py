"""Plays a source at its own speed; a page can start, pause and replay it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from siammask_ros.errors import DataError
from siammask_ros.media.frames import CameraSource, Source, SourceFrame
from siammask_ros.web.feed import Image

POLL_S = 0.1


class Playback:
    """Calls ``take(image, stamp_ns)`` with each frame of a source at its time. Call ``run``.

    A video, a folder or a bag stops on its first frame until ``resume``. A camera cannot stop:
    its ``state`` is empty, and the caller has to pause the session instead.
    """

    def __init__(self, source: Source, take: Callable[[Image, int], None], loop: bool) -> None:
        self._source = source
        self._take = take
        self._loop = loop
        self.is_camera = isinstance(source, CameraSource)
        # Shown as Status.playback.
        self.state = "" if self.is_camera else "loading"
        self.paused = False
        self._resumed = threading.Event()
        self._lock = threading.Lock()
        # Stamps continue when the video is replayed or paused: they never jump.
        self._stamp_ns = time.time_ns()
        self._newest: Image | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether no further frame comes until ``resume``."""
        return not self.is_camera and (self.state != "playing" or self.paused)

    def run(self, stop_event: threading.Event) -> None:
        """Play until ``stop_event``; raises DataError if the source is damaged or empty."""
        if not self.is_camera:
            self.state = "waiting"
        while not stop_event.is_set():
            self._play_once(stop_event)
            if self.is_camera:
                return
            if not self._loop:
                self.state = "ended"
            self._wait_while_stopped(stop_event)

    def resume(self) -> None:
        """Start, continue after a pause, or replay from the beginning."""
        self.paused = False
        if not self.is_camera:
            self.state = "playing"
        self._resumed.set()

    def pause(self) -> None:
        """Stop on the newest frame."""
        self.paused = True
        self._resumed.clear()

    def repeat_frame(self) -> None:
        """Pass the newest frame on again, so that a stopped video answers a request."""
        with self._lock:
            if self._newest is not None:
                self._stamp_ns += 1_000_000
                self._take(self._newest, self._stamp_ns)

    def _play_once(self, stop_event: threading.Event) -> None:
        began_s = zero_ns = None
        for frame in self._source:
            if began_s is None or zero_ns is None:
                began_s = time.monotonic() - frame.stamp_s
                zero_ns = self._stamp_ns + int(
                    1e9 / max(self._source.fps, 1.0) - frame.stamp_s * 1e9
                )
            if stop_event.wait(max(began_s + frame.stamp_s - time.monotonic(), 0.0)):
                return
            self._pass_on(frame, zero_ns)
            stopped_at_s = time.monotonic()
            self._wait_while_stopped(stop_event)
            began_s += time.monotonic() - stopped_at_s
        if began_s is None:
            raise DataError(f"{self._source.name} contains no frame")

    def _pass_on(self, frame: SourceFrame, zero_ns: int) -> None:
        stamp_ns = time.time_ns() if self.is_camera else zero_ns + int(frame.stamp_s * 1e9)
        with self._lock:
            self._stamp_ns = max(stamp_ns, self._stamp_ns + 1)
            self._newest = frame.image_bgr
            self._take(frame.image_bgr, self._stamp_ns)

    def _wait_while_stopped(self, stop_event: threading.Event) -> None:
        """Wait while the video is stopped."""
        if self.is_camera:
            return
        while self.is_stopped and not stop_event.is_set():
            self._resumed.wait(POLL_S)
            self._resumed.clear()
