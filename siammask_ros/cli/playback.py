"""A source played in its own time, which waits, pauses and plays again as a page asks it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from siammask_ros.errors import DataError
from siammask_ros.media.frames import CameraSource, Source, SourceFrame
from siammask_ros.web.feed import Image

POLL_S = 0.1


class Playback:
    """Hands the frames of a source to ``take(image, stamp_ns)`` when they are due. Call ``run``.

    A video, a folder or a bag stands still on its first frame until ``go_on``. A camera cannot
    stand still: its ``state`` is empty, and pausing it is for others to do.
    """

    def __init__(self, source: Source, take: Callable[[Image, int], None], loop: bool) -> None:
        self._source = source
        self._take = take
        self._loop = loop
        self.is_camera = isinstance(source, CameraSource)
        # What Status.playback says.
        self.state = "" if self.is_camera else "loading"
        self.paused = False
        self._goes = threading.Event()
        self._lock = threading.Lock()
        # Stamps go on from pass to pass, and stand still with the video: they never jump.
        self._stamp_ns = time.time_ns()
        self._newest: Image | None = None

    @property
    def stands_still(self) -> bool:
        """Whether no frame is to be expected."""
        return not self.is_camera and (self.state != "playing" or self.paused)

    def run(self, asked_to_stop: threading.Event) -> None:
        """Plays until told to stop; raises DataError where the source is damaged or empty."""
        if not self.is_camera:
            self.state = "waiting"
        while not asked_to_stop.is_set():
            self._play_once(asked_to_stop)
            if self.is_camera:
                return
            if not self._loop:
                self.state = "ended"
            self._hold(asked_to_stop)

    def go_on(self) -> None:
        """Begins to play, goes on after a pause, or plays again from the beginning."""
        self.paused = False
        if not self.is_camera:
            self.state = "playing"
        self._goes.set()

    def pause(self) -> None:
        """Stands still on the newest frame."""
        self.paused = True
        self._goes.clear()

    def show_again(self) -> None:
        """Hands the newest frame over once more, for who asks something while it stands still."""
        with self._lock:
            if self._newest is not None:
                self._stamp_ns += 1_000_000
                self._take(self._newest, self._stamp_ns)

    def _play_once(self, asked_to_stop: threading.Event) -> None:
        began_s = zero_ns = None
        for frame in self._source:
            if began_s is None or zero_ns is None:
                began_s = time.monotonic() - frame.stamp_s
                zero_ns = self._stamp_ns + int(
                    1e9 / max(self._source.fps, 1.0) - frame.stamp_s * 1e9
                )
            if asked_to_stop.wait(max(began_s + frame.stamp_s - time.monotonic(), 0.0)):
                return
            self._hand_over(frame, zero_ns)
            held_from_s = time.monotonic()
            self._hold(asked_to_stop)
            began_s += time.monotonic() - held_from_s
        if began_s is None:
            raise DataError(f"{self._source.name} gave no frame; nothing can be shown")

    def _hand_over(self, frame: SourceFrame, zero_ns: int) -> None:
        stamp_ns = time.time_ns() if self.is_camera else zero_ns + int(frame.stamp_s * 1e9)
        with self._lock:
            self._stamp_ns = max(stamp_ns, self._stamp_ns + 1)
            self._newest = frame.image_bgr
            self._take(frame.image_bgr, self._stamp_ns)

    def _hold(self, asked_to_stop: threading.Event) -> None:
        """Waits while the video stands still."""
        if self.is_camera:
            return
        while self.stands_still and not asked_to_stop.is_set():
            self._goes.wait(POLL_S)
            self._goes.clear()
