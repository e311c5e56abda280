"""Writes the results of ``siammask track``: a video, lines of JSON, masks, a bag."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError, format_error
from siammask_ros.media.encoders import check_suffix
from siammask_ros.media.frames import FolderSource, Source, SourceFrame, size_of
from siammask_ros.media.mask_images import MaskImages, check_output_folder
from siammask_ros.media.recording import (
    JsonLines,
    VideoRecorder,
    check_output_file,
    is_standard_output,
    is_stream,
)
from siammask_ros.media.result_bag import ResultBag, check_bag_path
from siammask_ros.media.track_rows import frame_row, target_row
from siammask_ros.media.tracked_targets import draw_tracked_targets, to_drawn_target
from siammask_ros.session import TrackedTarget
from siammask_ros.tracker.masks import label_map

Targets = Sequence[TrackedTarget]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The paths of the result files, and whether existing files may be overwritten."""

    video: Path | None = None
    rows: Path | None = None
    masks: Path | None = None
    bag: Path | None = None
    overwrite: bool = False

    def __iter__(self) -> Iterator[Path]:
        return iter(path for path in (self.video, self.rows, self.masks, self.bag) if path)

    def check(self, source: str) -> None:
        """Check all paths before anything is written; raises DataError."""
        paths = [path for path in self if not is_stream(path)]
        for number, path in enumerate(paths):
            if path.exists() and Path(source).exists() and path.samefile(source):
                raise DataError(f"{path} is the source itself; choose another path")
            if path.absolute() in [other.absolute() for other in paths[:number]]:
                raise DataError(f"{path} is used for two results; choose a path for each")
        if self.video:
            check_suffix(self.video)
            check_output_file(self.video, self.overwrite)
        if self.rows:
            check_output_file(self.rows, self.overwrite)
        if self.masks:
            check_output_folder(self.masks, self.overwrite)
        if self.bag:
            check_bag_path(self.bag, self.overwrite)

    @property
    def uses_standard_output(self) -> bool:
        """Whether results go to the standard output, so that no other text may go there."""
        return self.rows is not None and is_standard_output(self.rows)


class _File(Protocol):
    def write(self, frame: SourceFrame, targets: Targets) -> None: ...

    def close(self) -> None: ...


class Recordings:
    """The files of one run. A file that fails is closed and reported once; the others go on.

    A context manager; call ``open`` before ``write``. ``failures`` has the messages.
    """

    def __init__(self, source: Source, outputs: Outputs) -> None:
        """Check the paths; raises DataError."""
        outputs.check(source.name)
        self.failures: list[str] = []
        self._source = source
        self._outputs = outputs
        self._open: list[_File] = []

    def open(self) -> None:
        """Open all files; raises DataError if one cannot be written."""
        outputs = self._outputs
        makers: list[tuple[Path | None, Callable[[Path, Source, bool], _File]]] = [
            (outputs.video, _Video),
            (outputs.rows, _Rows),
            (outputs.masks, _Masks),
            (outputs.bag, _Bag),
        ]
        for path, make in makers:
            if path:
                self._open.append(make(path, self._source, outputs.overwrite))

    @property
    def is_open(self) -> bool:
        """Whether anything can still be written."""
        return bool(self._open)

    def write(self, frame: SourceFrame, targets: Targets) -> None:
        """Add a frame and its targets to all files."""
        self._open = [file for file in self._open if self._try_write(file, frame, targets)]

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._finish(self._open.pop())

    def _try_write(self, file: _File, frame: SourceFrame, targets: Targets) -> bool:
        try:
            file.write(frame, targets)
        except DataError as error:
            self._report(error)
            # What was written is kept. A second error while closing adds nothing.
            with suppress(DataError):
                file.close()
            return False
        return True

    def _finish(self, file: _File) -> None:
        try:
            file.close()
        except DataError as error:
            self._report(error)

    def _report(self, error: DataError) -> None:
        self.failures.append(str(error))
        print(f"siammask: {format_error(error)}", file=sys.stderr)

    def __enter__(self) -> Recordings:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Video:
    def __init__(self, path: Path, source: Source, overwrite: bool) -> None:
        self._video = VideoRecorder(path, source.fps, source.size, overwrite=overwrite)

    def write(self, frame: SourceFrame, targets: Targets) -> None:
        self._video.write(_draw_frame(frame, targets))

    def close(self) -> None:
        self._video.close()


class _Rows:
    def __init__(self, path: Path, source: Source, overwrite: bool) -> None:
        self._rows = JsonLines(path, overwrite=overwrite)

    def write(self, frame: SourceFrame, targets: Targets) -> None:
        row = frame_row(
            [_to_row(target) for target in targets],
            frame=frame.number,
            stamp_s=frame.stamp_s,
            stamp_ns=frame.origin.stamp_ns if frame.origin else None,
            file=frame.file,
        )
        self._rows.write(row)

    def close(self) -> None:
        self._rows.close()


class _Masks:
    """Named like the images of a folder, as in DAVIS; otherwise by the frame number."""

    def __init__(self, path: Path, source: Source, overwrite: bool) -> None:
        self._images = MaskImages(path, overwrite=overwrite)
        self._source = source

    def write(self, frame: SourceFrame, targets: Targets) -> None:
        labels = np.array([0, *(int(target.target_id) for target in targets)], np.uint8)
        self._images.write(self._name(frame), labels[_label_image(frame, targets)])

    def _name(self, frame: SourceFrame) -> str:
        if isinstance(self._source, FolderSource):
            return self._source.paths[frame.number].stem
        return f"{frame.number:05d}"

    def close(self) -> None:
        self._images.close()


class _Bag:
    def __init__(self, path: Path, source: Source, overwrite: bool) -> None:
        self._bag = ResultBag(path, overwrite=overwrite)

    def write(self, frame: SourceFrame, targets: Targets) -> None:
        mask = np.minimum(_label_image(frame, targets), 1) * np.uint8(255)
        self._bag.write(frame, mask, targets, _draw_frame(frame, targets))

    def close(self) -> None:
        self._bag.close()


def _label_image(frame: SourceFrame, targets: Targets) -> NDArray[np.uint8]:
    """Return for each pixel the index of its target in ``targets``, from 1; 0 for none."""
    return label_map([target.result.mask for target in targets], size_of(frame.image_bgr))


def _draw_frame(frame: SourceFrame, targets: Targets) -> NDArray[np.uint8]:
    """Return the image with the targets and the frame number drawn into it."""
    return draw_tracked_targets(frame.image_bgr, targets, f"frame {frame.number}")


def _to_row(target: TrackedTarget) -> dict[str, object]:
    result, mask = target.result, target.result.mask
    return target_row(to_drawn_target(target), result.box, mask.area_px if mask else 0)
