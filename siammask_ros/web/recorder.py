"""Recordings: what the page shows, as an annotated video and a line of JSON for every picture."""

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

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media.drawing import DrawnTarget, draw_targets
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.recording import JsonLines, VideoRecorder, check_space, checked_output
from siammask_ros.media.track_rows import box_of_corners, frame_row, target_row
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import Shot, Target

_log = logging.getLogger(__name__)

VIDEO_HZ = 25.0
# A gap in the pictures is filled by repeating one, but not for longer than this.
FILLED_GAP_S = 2.0


class Recorder:
    """Begins and ends recordings in the configured folder; every method from any thread."""

    def __init__(self, config: WebConfig) -> None:
        """Raises ConfigError where the folder is no folder that can be written to."""
        self._folder = Path(config.record_folder).expanduser() if config.record_folder else None
        self._max_bytes = config.record_max_mb * 2**20
        if self._folder and not (self._folder.is_dir() and os.access(self._folder, os.W_OK)):
            raise ConfigError(
                f"record_folder {self._folder} is no folder that can be written to; make it first"
            )
        self._lock = threading.Lock()
        self._recording: _Recording | None = None
        self._last = ""
        self._files: tuple[Path, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether a recording runs."""
        recording = self._recording
        return recording is not None and recording.is_running

    def begin(self, hz: float) -> str:
        """Begins one of this many pictures a second; raises DataError where it may not."""
        with self._lock:
            if self._folder is None:
                raise DataError("no folder for recordings is configured (record_folder)")
            if self.is_on:
                raise DataError("a recording runs already; end it first")
            path = self._folder / datetime.now(timezone.utc).strftime("siammask_%Y-%m-%d_%H-%M-%S")
            check_space(path)
            for suffix in (default_suffix(), ".jsonl"):
                checked_output(path.with_suffix(suffix))
            self._recording = _Recording(path, hz or VIDEO_HZ, self._max_bytes)
            self._last, self._files = "", ()
            return f"recording {path.name}"

    def end(self) -> str:
        """Ends the one that runs; what was recorded, in words."""
        with self._lock:
            recording, self._recording = self._recording, None
            if recording is None:
                raise DataError("nothing is being recorded")
            self._last = recording.finish()
            self._files = recording.files
            return self._last

    def put(self, shot: Shot) -> None:
        """Adds a shot where a recording runs; returns at once."""
        recording = self._recording
        if recording is not None:
            recording.put(shot)

    def state(self) -> Mapping[str, Any]:
        """For the page: whether it can record, whether it does, and what to say of it."""
        recording = self._recording
        return {
            "possible": self._folder is not None,
            "on": self.is_on,
            "failed": recording is not None and bool(recording.failure),
            "text": recording.in_words if recording is not None else self._last,
            "files": [path.name for path in self._finished()],
        }

    def _finished(self) -> tuple[Path, ...]:
        """The files of the last recording, once it has ended."""
        recording = self._recording
        if recording is None:
            return self._files
        return () if recording.is_running else recording.files

    def file(self, name: str) -> Path | None:
        """The file of this name in the last recording, or None: nothing else can be fetched."""
        return next((path for path in self._finished() if path.name == name), None)


class _Recording:
    """Two files that grow in a thread of their own; a picture that cannot wait is left out."""

    def __init__(self, path: Path, hz: float, max_bytes: int) -> None:
        self.failure = ""
        self._video_path = path.with_suffix(default_suffix())
        self._rows_path = path.with_suffix(".jsonl")
        self._hz = min(max(round(hz), 1), 60)
        self._max_bytes = max_bytes
        self._wake = threading.Condition()
        self._waiting: tuple[float, Shot] | None = None
        self._newest: Shot | None = None
        self._ends = False
        self._pictures = self._left_out = 0
        self._filmed_s = 0.0
        self._began_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="siammask recording", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._ends

    @property
    def files(self) -> tuple[Path, ...]:
        """What was written, where there is anything to read."""
        return tuple(path for path in (self._video_path, self._rows_path) if path.is_file())

    @property
    def in_words(self) -> str:
        if self.failure:
            return self.failure
        seconds = time.monotonic() - self._began_s
        return f"{self._video_path.name}: {seconds:.0f} s, {self._pictures} pictures"

    def put(self, shot: Shot) -> None:
        """Adds a shot; the one that came last, shown again, is none."""
        if shot is self._newest:
            return
        self._newest = shot
        with self._wake:
            self._left_out += self._waiting is not None
            self._waiting = (time.monotonic(), shot)
            self._wake.notify()

    def finish(self) -> str:
        with self._wake:
            self._ends = True
            self._wake.notify()
        self._thread.join(10.0)
        if self.failure:
            return self.failure
        if not self._pictures:
            return "nothing was recorded: no picture came"
        left_out = f", {self._left_out} left out" if self._left_out else ""
        return f"recorded {self._pictures} pictures{left_out} to {self._video_path}"

    def _run(self) -> None:
        try:
            with ExitStack() as files:
                self._write(files)
        except DataError as error:
            self.failure = str(error)
        except Exception as error:
            self.failure = f"the recording has failed: {type(error).__name__}: {error}"
            _log.exception("caught in a recording of the dashboard")

    def _write(self, files: ExitStack) -> None:
        rows = files.enter_context(JsonLines(self._rows_path))
        video: VideoRecorder | None = None
        first_s = last_s = 0.0
        while (item := self._next()) is not None:
            arrived_s, shot = item
            if video is None:
                height, width = shot.image.shape[:2]
                video = files.enter_context(
                    VideoRecorder(self._video_path, self._hz, (height, width))
                )
                first_s = last_s = arrived_s
            rows.write(_row(shot, self._pictures, arrived_s - first_s))
            self._film(video, drawn(shot), arrived_s - last_s)
            last_s = arrived_s
            self._pictures += 1
            if self._video_path.stat().st_size > self._max_bytes:
                raise DataError(f"{self._video_path} has reached record_max_mb and was ended")

    def _film(self, video: VideoRecorder, picture: NDArray[np.uint8], gap_s: float) -> None:
        """Adds the picture as often as keeps the video in step with the clock, or not at all."""
        self._filmed_s += min(gap_s, FILLED_GAP_S)
        due = round(self._filmed_s * self._hz) + 1
        for _ in range(due - video.count):
            video.write(picture)

    def _next(self) -> tuple[float, Shot] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._ends or self._waiting is not None)
            item, self._waiting = self._waiting, None
            return item


def drawn(shot: Shot) -> NDArray[np.uint8]:
    """A copy of the shot's picture with its targets on it."""
    return draw_targets(shot.image, [_drawn(target) for target in shot.targets or ()])


def _drawn(target: Target) -> DrawnTarget:
    mask, left_top = _mask(target)
    return DrawnTarget(
        target_id=target.target_id,
        state=target.state,
        score=target.score,
        corners_xy=target.corners_xy,
        outline=max(target.contours, key=len, default=np.zeros((0, 2), np.int32)),
        mask=mask,
        mask_left_top=left_top,
    )


def _mask(target: Target) -> tuple[NDArray[np.uint8] | None, tuple[int, int]]:
    """The mask within its contours, which are in the picture, and where it begins."""
    if not target.contours:
        return None, (0, 0)
    contours = [np.asarray(each).round().astype(np.int32) for each in target.contours]
    left, top = (max(int(value), 0) for value in np.concatenate(contours).min(axis=0))
    right, bottom = (int(value) for value in np.concatenate(contours).max(axis=0))
    mask = np.zeros((max(bottom - top + 1, 0), max(right - left + 1, 0)), np.uint8)
    cv2.fillPoly(mask, [each - (left, top) for each in contours], (1,))
    return mask, (left, top)


def _row(shot: Shot, number: int, at_s: float) -> dict[str, Any]:
    return frame_row(
        [_target_row(target) for target in shot.targets or ()],
        frame=number,
        stamp_s=at_s,
        stamp_ns=shot.stamp_ns,
        answered=shot.targets is not None,
    )


def _target_row(target: Target) -> dict[str, Any]:
    mask, _ = _mask(target)
    return target_row(
        target.target_id,
        target.state,
        target.reason,
        target.score,
        box_of_corners(target.corners_xy),
        target.contours,
        int(np.count_nonzero(mask)) if mask is not None else 0,
    )
