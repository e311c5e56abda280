"""What ``siammask track`` leaves on disk: a video, JSON lines, a bag."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.drawing import DrawnTarget, draw_targets
from siammask_ros.media.frames import Source, SourceFrame, size_of
from siammask_ros.media.recording import JsonLines, VideoRecorder, checked_output
from siammask_ros.media.result_bag import ResultBag, ResultTarget
from siammask_ros.session import TrackedTarget
from siammask_ros.tracker.masks import label_map


class _File(Protocol):
    def write(self, frame: SourceFrame, target: TrackedTarget) -> None: ...

    def close(self) -> None: ...


class Recordings:
    """The files of one run. One that fails is closed and told of once; the others go on.

    A context manager. ``failures`` holds what was told.
    """

    def __init__(
        self, source: Source, video: Path | None, rows: Path | None, bag: Path | None
    ) -> None:
        """Opens those that are named; raises DataError where one may not or cannot be written."""
        self.paths = [path for path in (video, rows, bag) if path]
        self.failures: list[str] = []
        self._open: list[_File] = []
        for path in self.paths:
            # Before any is made: a refusal leaves nothing behind.
            checked_output(path)
        try:
            if video:
                self._open.append(_Video(video, source))
            if rows:
                self._open.append(_Rows(rows))
            if bag:
                self._open.append(_Bag(bag))
        except DataError:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether anything can still be written."""
        return bool(self._open)

    def write(self, frame: SourceFrame, target: TrackedTarget) -> None:
        """Adds what a frame told of the target."""
        self._open = [file for file in self._open if self._has_taken(file, frame, target)]

    def close(self) -> None:
        """Finishes all of them."""
        while self._open:
            self._finish(self._open.pop())

    def _has_taken(self, file: _File, frame: SourceFrame, target: TrackedTarget) -> bool:
        try:
            file.write(frame, target)
        except DataError as error:
            self._tell(error)
            # What it has already is kept; that its end fails too is no news.
            with suppress(DataError):
                file.close()
            return False
        return True

    def _finish(self, file: _File) -> None:
        try:
            file.close()
        except DataError as error:
            self._tell(error)

    def _tell(self, error: DataError) -> None:
        self.failures.append(str(error))
        print(f"siammask: {error}", file=sys.stderr)

    def __enter__(self) -> Recordings:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Video:
    def __init__(self, path: Path, source: Source) -> None:
        self._video = VideoRecorder(path, source.fps, source.size)

    def write(self, frame: SourceFrame, target: TrackedTarget) -> None:
        self._video.write(_drawn(frame, target))

    def close(self) -> None:
        self._video.close()


class _Rows:
    def __init__(self, path: Path) -> None:
        self._rows = JsonLines(path)

    def write(self, frame: SourceFrame, target: TrackedTarget) -> None:
        row: dict[str, Any] = {"frame": frame.number, "stamp_s": frame.stamp_s}
        if frame.origin:
            row["stamp_ns"] = frame.origin.stamp_ns
        self._rows.write({**row, "targets": [_row(target)]})

    def close(self) -> None:
        self._rows.close()


class _Bag:
    def __init__(self, path: Path) -> None:
        self._bag = ResultBag(path)

    def write(self, frame: SourceFrame, target: TrackedTarget) -> None:
        labels = label_map([target.result.mask], size_of(frame.image_bgr))
        mask = np.minimum(labels, 1) * np.uint8(255)
        self._bag.write(frame, mask, [result_target(target)], _drawn(frame, target))

    def close(self) -> None:
        self._bag.close()


def _drawn(frame: SourceFrame, target: TrackedTarget) -> NDArray[np.uint8]:
    """The frame's picture with the target in it, and the frame's number."""
    result, mask = target.result, target.result.mask
    drawn = DrawnTarget(
        target.target_id,
        result.status.name,
        result.score,
        result.box.corners_xy,
        result.outline,
        mask.binary if mask else None,
        (mask.left, mask.top) if mask else (0, 0),
    )
    return draw_targets(frame.image_bgr, [drawn], f"frame {frame.number}")


def _row(target: TrackedTarget) -> dict[str, Any]:
    result, box = target.result, target.result.box
    return {
        "id": target.target_id,
        "state": result.status.name,
        "reason": result.reason,
        "score": result.score,
        "box": {
            "x": box.x,
            "y": box.y,
            "width": box.width,
            "height": box.height,
            "theta": box.theta,
        },
        "corners": box.corners_xy,
        "mask_area_px": result.mask.area_px if result.mask else 0,
    }


def result_target(target: TrackedTarget) -> ResultTarget:
    """A target as a result bag takes it."""
    result = target.result
    return ResultTarget(
        target_id=target.target_id,
        state=int(result.status),
        reason=result.reason,
        score=result.score,
        box=result.box,
        outline=result.outline,
        mask_area_px=result.mask.area_px if result.mask else 0,
        unseen_s=target.unseen_s,
        is_shown=result.status.name in ("TRACKING", "UNCERTAIN") and target.unseen_s == 0,
    )
