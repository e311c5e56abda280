"""Sequences with a true box or polygon for every picture, in the layouts of VOT and OTB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.overlap import BoxXywh, Polygon
from siammask_ros.evaluation.regions import polygon_of, region_numbers
from siammask_ros.media.image_files import is_image_file, read_image
from siammask_ros.media.natural_order import in_natural_order

_TRUTH_FILES = ("groundtruth.txt", "groundtruth_rect.txt")
# Where OTB (img) and VOT (color) keep their pictures, if not beside the truth.
_IMAGE_FOLDERS = ("", "img", "color")


@dataclass(frozen=True, slots=True)
class BoxSequence:
    """One video: its pictures, and for each the target's polygon (n, 2), None where it is absent.

    ``are_upright`` says that the truth was given as upright boxes.
    """

    name: str
    image_paths: tuple[Path, ...]
    polygons: tuple[Polygon | None, ...]
    are_upright: bool

    def image(self, number: int) -> NDArray[np.uint8]:
        """Picture ``number``, (H, W, 3) uint8 BGR; raises DataError where it is damaged."""
        return read_image(self.image_paths[number])

    @property
    def counted(self) -> list[int]:
        """The pictures on which a follower is judged: the target is there, the first is given."""
        return [n for n, polygon in enumerate(self.polygons) if n and polygon is not None]

    def box_xywh(self, number: int) -> BoxXywh | None:
        """The upright box around the true polygon: left, top, width, height."""
        polygon = self.polygons[number]
        if polygon is None:
            return None
        (left, top), (right, bottom) = polygon.min(axis=0), polygon.max(axis=0)
        return float(left), float(top), float(right - left), float(bottom - top)


def box_sequences(root: Path, names: Sequence[str] = ()) -> list[BoxSequence]:
    """The sequences under ``root``: those named, else those in its list.txt, else all.

    Every folder ROOT/SEQ holds groundtruth.txt (or groundtruth_rect.txt) with a line a picture,
    x,y,w,h or the corners of a polygon, and the pictures beside it, in img/ or in color/. Raises
    DataError where something is missing, unknown or not understood.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder; expected one with a folder for each sequence")
    known = sorted(path.name for path in root.iterdir() if _truth_path(path))
    listed = root / "list.txt"
    wanted = list(names)
    if not wanted and listed.is_file():
        wanted = [name for name in listed.read_text(encoding="utf-8").split() if name in known]
    wanted = wanted or known
    if not wanted:
        raise DataError(f"{root} holds no sequence; expected folders with {_TRUTH_FILES[0]}")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DataError(f"no sequence {unknown[0]!r} in {root}; there are {', '.join(known)}")
    return [_sequence(root / name) for name in wanted]


def _truth_path(folder: Path) -> Path | None:
    paths = (folder / name for name in _TRUTH_FILES)
    return next((path for path in paths if path.is_file()), None)


def _sequence(folder: Path) -> BoxSequence:
    truth = _truth_path(folder)
    assert truth is not None
    lines = truth.read_text(encoding="utf-8").split("\n")
    rows = [region_numbers(line, f"{truth}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    image_paths = _image_paths(folder)
    if len(rows) < 2 or len(rows) != len(image_paths):
        raise DataError(
            f"{truth} has {len(rows)} lines and {folder} {len(image_paths)} pictures; expected a "
            "line for every picture, and at least 2"
        )
    polygons = tuple(polygon_of(row) for row in rows)
    return BoxSequence(folder.name, image_paths, polygons, all(len(row) == 4 for row in rows))


def _image_paths(folder: Path) -> tuple[Path, ...]:
    for name in _IMAGE_FOLDERS:
        if not (folder / name).is_dir():
            continue
        images = in_natural_order(filter(is_image_file, (folder / name).iterdir()))
        if images:
            return tuple(images)
    return ()
