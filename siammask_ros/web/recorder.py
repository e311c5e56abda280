"""Recordings of what the page shows: an annotated video and one line of JSON per frame."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media.drawing import DrawnTarget, draw_targets, fill_contours
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.recording import JsonLines, VideoRecorder, check_output_file, check_space
from siammask_ros.media.track_rows import box_of_corners, frame_row, target_row
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import AnnotatedFrame

_log = logging.getLogger(__name__)

VIDEO_HZ = 25.0
# A gap is filled by repeating the last image, but not for longer than this.
FILLED_GAP_S = 2.0


class Recorder:
    """Starts and stops recordings in the configured folder. Thread-safe."""

    def __init__(self, config: WebConfig) -> None:
        """Raise ConfigError if the folder does not exist or is not writable."""
        self._folder = Path(config.record_folder).expanduser() if config.record_folder else None
        self._max_bytes = config.record_max_mb * 2**20
        if self._folder and not (self._folder.is_dir() and os.access(self._folder, os.W_OK)):
            raise ConfigError(
                f"record_folder {self._folder} is not a writable folder; create it first"
            )
        self._lock = threading.Lock()
        self._recording: _Recording | None = None
        self._last = ""
        self._files: tuple[Path, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether a recording is running."""
        recording = self._recording
        return recording is not None and recording.is_running

    def begin(self, hz: float) -> str:
        """Start a recording with this frame rate; raises DataError if it cannot be started."""
        with self._lock:
            if self._folder is None:
                raise DataError("recording is disabled; set record_folder")
            if self.is_on:
                raise DataError("a recording is already running; stop it first")
            path = self._folder / datetime.now(timezone.utc).strftime("siammask_%Y-%m-%d_%H-%M-%S")
            check_space(path)
            for suffix in (default_suffix(), ".jsonl"):
                check_output_file(path.with_suffix(suffix))
            self._recording = _Recording(path, hz or VIDEO_HZ, self._max_bytes)
            self._last, self._files = "", ()
            return f"recording {path.name}"

    def end(self) -> str:
        """Stop the recording and return a summary."""
        with self._lock:
            recording, self._recording = self._recording, None
            if recording is None:
                raise DataError("no recording is running")
            self._last = recording.finish()
            self._files = recording.files
            return self._last

    def put(self, frame: AnnotatedFrame) -> None:
        """Add a frame if a recording is running; does not block."""
        recording = self._recording
        if recording is not None:
            recording.put(frame)

    def state(self) -> Mapping[str, Any]:
        """Return the recording's state for the page."""
        recording = self._recording
        return {
            "possible": self._folder is not None,
            "on": self.is_on,
            "failed": recording is not None and bool(recording.failure),
            "text": recording.summary if recording is not None else self._last,
            "files": [path.name for path in self._list_finished_files()],
        }

    def _list_finished_files(self) -> tuple[Path, ...]:
        """Return the files of the last recording once it has ended."""
        recording = self._recording
        if recording is None:
            return self._files
        return () if recording.is_running else recording.files

    def file(self, name: str) -> Path | None:
        """Return the file of this name in the last recording, or None."""
        return next((path for path in self._list_finished_files() if path.name == name), None)


class _Recording:
    """Writes video and rows in its own thread; drops a frame if the previous one still waits."""

    def __init__(self, path: Path, hz: float, max_bytes: int) -> None:
        self.failure = ""
        self._video_path = path.with_suffix(default_suffix())
        self._rows_path = path.with_suffix(".jsonl")
        self._hz = min(max(round(hz), 1), 60)
        self._max_bytes = max_bytes
        self._wake = threading.Condition()
        self._waiting: tuple[float, AnnotatedFrame] | None = None
        self._newest: AnnotatedFrame | None = None
        self._is_ending = False
        self._frame_count = self._dropped = 0
        self._video_s = 0.0
        self._start_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="siammask recording", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._is_ending

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that exist."""
        return tuple(path for path in (self._video_path, self._rows_path) if path.is_file())

    @property
    def summary(self) -> str:
        if self.failure:
            return self.failure
        seconds = time.monotonic() - self._start_s
        return f"{self._video_path.name}: {seconds:.0f} s, {self._frame_count} images"

    def put(self, frame: AnnotatedFrame) -> None:
        """Add a frame; a repetition of the last one is ignored."""
        if frame is self._newest:
            return
        self._newest = frame
        with self._wake:
            self._dropped += self._waiting is not None
            self._waiting = (time.monotonic(), frame)
            self._wake.notify()

    def finish(self) -> str:
        with self._wake:
            self._is_ending = True
            self._wake.notify()
        self._thread.join(10.0)
        if self.failure:
            return self.failure
        if not self._frame_count:
            return "nothing was recorded: no image arrived"
        dropped = f", {self._dropped} dropped" if self._dropped else ""
        return f"recorded {self._frame_count} images{dropped} to {self._video_path}"

    def _run(self) -> None:
        try:
            with ExitStack() as files:
                self._write(files)
        except DataError as error:
            self.failure = str(error)
        except Exception as error:
            self.failure = f"the recording failed: {type(error).__name__}: {error}"
            _log.exception("exception in the recording")

    def _write(self, files: ExitStack) -> None:
        rows = files.enter_context(JsonLines(self._rows_path))
        video: VideoRecorder | None = None
        first_s = last_s = 0.0
        while (item := self._take()) is not None:
            arrived_s, frame = item
            if video is None:
                height, width = frame.image.shape[:2]
                video = files.enter_context(
                    VideoRecorder(self._video_path, self._hz, (height, width))
                )
                first_s = last_s = arrived_s
            rows.write(_build_row(frame, self._frame_count, arrived_s - first_s))
            self._write_video(video, draw_frame(frame), arrived_s - last_s)
            last_s = arrived_s
            self._frame_count += 1
            if self._video_path.stat().st_size > self._max_bytes:
                raise DataError(
                    f"{self._video_path} has reached record_max_mb; the recording was stopped"
                )

    def _write_video(self, video: VideoRecorder, image: NDArray[np.uint8], gap_s: float) -> None:
        """Write the image as often as the elapsed time requires, possibly not at all."""
        self._video_s += min(gap_s, FILLED_GAP_S)
        due = round(self._video_s * self._hz) + 1
        for _ in range(due - video.count):
            video.write(image)

    def _take(self) -> tuple[float, AnnotatedFrame] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_ending or self._waiting is not None)
            item, self._waiting = self._waiting, None
            return item


def draw_frame(frame: AnnotatedFrame) -> NDArray[np.uint8]:
    """Return a copy of the image with its targets drawn."""
    return draw_targets(frame.image, frame.targets or ())


def _build_row(frame: AnnotatedFrame, number: int, at_s: float) -> dict[str, Any]:
    return frame_row(
        [_build_target_row(target) for target in frame.targets or ()],
        frame=number,
        stamp_s=at_s,
        stamp_ns=frame.stamp_ns,
        answered=frame.targets is not None,
    )


def _build_target_row(target: DrawnTarget) -> dict[str, Any]:
    mask, _ = fill_contours(target.contours)
    return target_row(target, box_of_corners(target.corners_xy), int(np.count_nonzero(mask)))
