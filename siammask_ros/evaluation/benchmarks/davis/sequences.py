"""Sequences with true masks, in the folder layout of DAVIS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import image_size_wh, is_image_file, read_image
from siammask_ros.media.labels import Labels, read_labels
from siammask_ros.media.natural_order import in_natural_order

Year = Literal[2016, 2017]

RESOLUTION = "480p"
MERGED_LABEL = 255


@dataclass(frozen=True, slots=True)
class DavisSequence:
    """One video: its images in order, and the true mask of each, None where it has none.

    The first image has a mask, and one between the first and the last.
    In DAVIS-2016 everything that moves is one target (label 255), in DAVIS-2017 every object is
    its own (labels 1, 2, …).
    """

    name: str
    image_paths: tuple[Path, ...]
    annotation_paths: tuple[Path | None, ...]
    year: Year

    def image(self, number: int) -> NDArray[np.uint8]:
        """Image ``number``, (H, W, 3) uint8 BGR; raises DataError where it is damaged."""
        return read_image(self.image_paths[number])

    def labels(self, number: int) -> Labels:
        """The true label of every pixel, (H, W) int32, 0 for none.

        Raises DataError where the mask is missing, damaged or not of the image's size.
        """
        path = self.annotation_paths[number]
        if path is None:
            raise DataError(f"{self.image_paths[number]} has no mask; expected a mask")
        labels = read_labels(path)
        width, height = image_size_wh(self.image_paths[number])
        if labels.shape != (height, width):
            raise DataError(
                f"{path} is {labels.shape[1]}×{labels.shape[0]}; expected {width}×{height} like "
                f"{self.image_paths[number]}"
            )
        if self.year == 2016:
            labels = np.where(labels > 0, MERGED_LABEL, 0).astype(np.int32)
        return labels

    @property
    def counted(self) -> list[int]:
        """The images that count: they have a mask and are neither the first nor the last."""
        numbers = range(1, len(self.image_paths) - 1)
        return [number for number in numbers if self.annotation_paths[number] is not None]

    def mask_name(self, number: int) -> str:
        """The name of the file for what was predicted on image ``number``."""
        return f"{self.image_paths[number].stem}.png"


def davis_sequences(root: Path, year: Year, names: Sequence[str] = ()) -> list[DavisSequence]:
    """The sequences under a DAVIS root: those named, else the validation list, else all.

    An image may have no mask, as in YouTube-VOS, where every fifth has one; those before the first
    mask are passed over. Raises DataError where the layout is not DAVIS's, a sequence is unknown,
    or a mask has no image.
    """
    images, annotations = root / "JPEGImages" / RESOLUTION, root / "Annotations" / RESOLUTION
    for folder in (images, annotations):
        if not folder.is_dir():
            raise DataError(f"{folder} is missing; expected DAVIS's own layout under {root}")
    known = sorted(path.name for path in annotations.iterdir() if path.is_dir())
    wanted = list(names) or _validation_names(root, year, known) or known
    if not wanted:
        raise DataError(f"{annotations} contains no sequence; expected a folder for each")
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
        raise DataError(f"{images} is missing; expected the images of {annotations}")
    image_paths = in_natural_order(filter(is_image_file, images.iterdir()))
    masks = {path.stem: path for path in in_natural_order(annotations.glob("*.png"))}
    annotation_paths = [masks.pop(path.stem, None) for path in image_paths]
    if masks:
        raise DataError(f"{next(iter(masks.values()))} has no image with its name in {images}")
    first = next(
        (n for n, path in enumerate(annotation_paths) if path is not None), len(image_paths)
    )
    sequence = DavisSequence(
        name, tuple(image_paths[first:]), tuple(annotation_paths[first:]), year
    )
    if not sequence.counted:
        raise DataError(
            f"{annotations} has no mask to start from, or none between that and the last of "
            f"{len(image_paths)} images in {images}; expected both"
        )
    return sequence


class DavisVideo:
    """A sequence as a ``MaskedVideo``: everything that moves in it is the target.

    Raises DataError where an image has no mask.
    """

    def __init__(self, sequence: DavisSequence) -> None:
        if None in sequence.annotation_paths:
            raise DataError(f"{sequence.name} has images without a mask; expected one for each")
        self.name = sequence.name
        self._sequence = sequence

    def __len__(self) -> int:
        return len(self._sequence.image_paths)

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """See ``MaskedVideo.frame``; raises DataError where a file is damaged."""
        mask = self._sequence.labels(number) > 0
        return self._sequence.image(number), mask.astype(np.uint8)
