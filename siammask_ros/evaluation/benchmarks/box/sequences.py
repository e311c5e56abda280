"""Sequences with a true box or polygon for every image, in the layouts of VOT and OTB."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.regions import parse_region, polygon_from_region
from siammask_ros.evaluation.metrics.overlap import BoxXywh, Polygon
from siammask_ros.media.image_files import is_image_file, read_image
from siammask_ros.media.natural_order import in_natural_order

# OTB numbers the files of a folder in which there are several targets.
_TRUTH_FILE = re.compile(r"groundtruth(?:_rect)?(?:\.([0-9]+))?\.txt")
# Sequences of OTB-100 whose boxes cover a part of the images, and where they begin.
_OTB_FIRST_FRAMES = {
    "BlurCar1": 247,
    "BlurCar3": 3,
    "BlurCar4": 18,
    "David": 300,
    "Diving": 1,
    "Football1": 1,
    "Freeman3": 1,
    "Freeman4": 1,
}
# Where OTB (img) and VOT (color) keep their images, if not beside the truth.
_IMAGE_FOLDERS = ("", "img", "color")


@dataclass(frozen=True, slots=True)
class BoxSequence:
    """One video: its images, and for each the target's polygon (n, 2), None where it is absent.

    ``are_upright``: whether the ground truth is axis-aligned boxes.
    """

    name: str
    image_paths: tuple[Path, ...]
    polygons: tuple[Polygon | None, ...]
    are_upright: bool

    def image(self, number: int) -> NDArray[np.uint8]:
        """Image ``number``, (H, W, 3) uint8 BGR; raises DataError where it is damaged."""
        return read_image(self.image_paths[number])

    @property
    def counted(self) -> list[int]:
        """The images on which a tracker is evaluated: the target is there, the first is given."""
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

    Every folder ROOT/SEQ holds groundtruth.txt (or groundtruth_rect.txt) with a line an image,
    x,y,w,h or the corners of a polygon, and the images beside it, in img/ or in color/. With
    groundtruth_rect.1.txt and so on each target is a sequence of its own, SEQ-1. Where the lines
    begin at a later image, first_frame.txt holds the number in its name; OTB's own such
    sequences need none. Raises DataError where something is missing, unknown or unreadable.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder; expected one with a folder for each sequence")
    known = {
        name: truth for folder in sorted(root.iterdir()) for name, truth in _truth_files(folder)
    }
    listed = root / "list.txt"
    wanted = list(names)
    if not wanted and listed.is_file():
        wanted = [name for name in _read_text(listed).split() if name in known]
    wanted = wanted or list(known)
    if not wanted:
        raise DataError(
            f"{root} contains no sequence; expected folders with groundtruth.txt, "
            "groundtruth_rect.txt or groundtruth_rect.1.txt"
        )
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DataError(f"no sequence {unknown[0]!r} in {root}; there are {', '.join(known)}")
    return [_sequence(name, known[name]) for name in wanted]


def _truth_files(folder: Path) -> list[tuple[str, Path]]:
    """The sequences of a folder, a file with boxes for each: their names and files."""
    files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    found: dict[str, Path] = {}
    for path in in_natural_order(files):
        match = _TRUTH_FILE.fullmatch(path.name)
        if match:
            found.setdefault(f"{folder.name}-{match[1]}" if match[1] else folder.name, path)
    return list(found.items())


def _sequence(name: str, truth: Path) -> BoxSequence:
    lines = _read_text(truth).split("\n")
    rows = [parse_region(line, f"{truth}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    image_paths = _find_annotated(_image_paths(truth.parent), len(rows), truth)
    polygons = tuple(polygon_from_region(row) for row in rows)
    return BoxSequence(name, image_paths, polygons, all(len(row) == 4 for row in rows))


def _find_annotated(images: tuple[Path, ...], lines: int, truth: Path) -> tuple[Path, ...]:
    """The images that the lines of a truth file belong to."""
    first = _first_number(truth)
    if lines == len(images) >= 2 and not _first_frame_path(truth).is_file():
        return images
    about = f"{truth} has {lines} lines and {truth.parent} {len(images)} images"
    if first is None or lines < 2:
        raise DataError(
            f"{about}; expected a line for every image, and at least 2. Where the lines begin "
            f"later, write the number of their first image to {_first_frame_path(truth)}"
        )
    start = next((n for n, path in enumerate(images) if _last_number(path) == first), len(images))
    if start + lines > len(images):
        raise DataError(
            f"{about}, and the lines begin at image {first}; expected {lines} images from "
            f"there on. Another first image can be named in {_first_frame_path(truth)}"
        )
    return images[start : start + lines]


def _first_number(truth: Path) -> int | None:
    """Return the number in the name of the first annotated image, if known."""
    path = _first_frame_path(truth)
    if not path.is_file():
        return _OTB_FIRST_FRAMES.get(truth.parent.name) if "_rect" in truth.name else None
    text = _read_text(path).strip()
    if not text.isdecimal():
        raise DataError(f"{path} holds {text[:40]!r}; expected the number of an image")
    return int(text)


def _first_frame_path(truth: Path) -> Path:
    return truth.parent / "first_frame.txt"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error


def _last_number(path: Path) -> int | None:
    """The last number in an image's name: 300 of img00300.jpg."""
    numbers = re.findall("[0-9]+", path.stem)
    return int(numbers[-1]) if numbers else None


def _image_paths(folder: Path) -> tuple[Path, ...]:
    for name in _IMAGE_FOLDERS:
        if not (folder / name).is_dir():
            continue
        images = in_natural_order(filter(is_image_file, (folder / name).iterdir()))
        if images:
            return tuple(images)
    return ()
