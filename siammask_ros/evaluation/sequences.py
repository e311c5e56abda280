"""Sequences with true masks, in the folder layout of DAVIS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import is_image_file, read_image
from siammask_ros.media.labels import Labels, read_labels
from siammask_ros.media.natural_order import in_natural_order

Year = Literal[2016, 2017]

RESOLUTION = "480p"
MERGED_LABEL = 255


@dataclass(frozen=True, slots=True)
class DavisSequence:
    """One video: its pictures, and a true mask for each, in order.

    In DAVIS-2016 everything that moves is one target (label 255), in DAVIS-2017 every object is
    its own (labels 1, 2, …).
    """

    name: str
    image_paths: tuple[Path, ...]
    annotation_paths: tuple[Path, ...]
    year: Year

    def image(self, number: int) -> NDArray[np.uint8]:
        """Picture ``number``, (H, W, 3) uint8 BGR; raises DataError where it is damaged."""
        return read_image(self.image_paths[number])

    def labels(self, number: int) -> Labels:
        """The true label of every pixel, (H, W) int32, 0 for none; raises DataError likewise."""
        labels = read_labels(self.annotation_paths[number])
        if self.year == 2016:
            labels = np.where(labels > 0, MERGED_LABEL, 0).astype(np.int32)
        return labels


def davis_sequences(root: Path, year: Year, names: Sequence[str] = ()) -> list[DavisSequence]:
    """The sequences under a DAVIS root: those named, else the validation list, else all.

    Raises DataError where the layout is not DAVIS's, a sequence is unknown or a mask is missing.
    """
    images, annotations = root / "JPEGImages" / RESOLUTION, root / "Annotations" / RESOLUTION
    for folder in (images, annotations):
        if not folder.is_dir():
            raise DataError(f"{folder} is missing; expected DAVIS's own layout under {root}")
    known = sorted(path.name for path in annotations.iterdir() if path.is_dir())
    wanted = list(names) or _validation_names(root, year, known) or known
    if not wanted:
        raise DataError(f"{annotations} holds no sequence; expected a folder for each")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DataError(
            f"no sequence {unknown[0]!r} in {annotations}; there are {', '.join(known)}"
        )
    return [_sequence(name, images / name, annotations / name, year) for name in wanted]


def _validation_names(root: Path, year: Year, known: Sequence[str]) -> list[str]:
    """What the official validation list names, as far as it is there; empty without a list."""
    path = root / "ImageSets" / str(year) / "val.txt"
    if not path.is_file():
        return []
    return [name for name in path.read_text(encoding="utf-8").split() if name in known]


def _sequence(name: str, images: Path, annotations: Path, year: Year) -> DavisSequence:
    if not images.is_dir():
        raise DataError(f"{images} is missing; expected the pictures of {annotations}")
    image_paths = tuple(in_natural_order(filter(is_image_file, images.iterdir())))
    annotation_paths = tuple(annotations / f"{path.stem}.png" for path in image_paths)
    if len(image_paths) < 3:
        raise DataError(f"{images} holds {len(image_paths)} pictures; expected at least 3")
    missing = [path for path in annotation_paths if not path.is_file()]
    if missing:
        raise DataError(f"{missing[0]} is missing; expected a mask for every picture")
    return DavisSequence(name, image_paths, annotation_paths, year)


class DavisVideo:
    """A sequence as a ``MaskedVideo``: everything that moves in it is the target."""

    def __init__(self, sequence: DavisSequence) -> None:
        self.name = sequence.name
        self._sequence = sequence

    def __len__(self) -> int:
        return len(self._sequence.image_paths)

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """See ``MaskedVideo.frame``; raises DataError where a file is damaged."""
        mask = self._sequence.labels(number) > 0
        return self._sequence.image(number), mask.astype(np.uint8)
