"""The targets of a run: boxes, or the objects of a mask of the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.cli.options import parse_box
from siammask_ros.errors import BoxError, DataError
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.frames import in_words, size_of
from siammask_ros.media.labels import Labels, read_labels

# A mask image holds a byte for each pixel.
MAX_TARGETS = 255


@dataclass(frozen=True, slots=True, eq=False)
class FirstBoxes:
    """The boxes to start from, and the ids of their targets.

    The objects of ``labels``, where given, keep their numbers; ``boxes`` take the free ones in
    order.
    """

    boxes: tuple[RotatedBox, ...]
    labels: Labels | None = None
    mask_name: str = ""

    def find_in(self, image: NDArray[np.uint8]) -> tuple[list[str], list[RotatedBox]]:
        """Return ids and boxes in the first frame; raises DataError for a mask of another size."""
        found = self._boxes_of_labels(image)
        free = (number for number in range(1, MAX_TARGETS + 1) if number not in found)
        found.update(zip(free, self.boxes, strict=False))
        return [str(number) for number in found], list(found.values())

    def _boxes_of_labels(self, image: NDArray[np.uint8]) -> dict[int, RotatedBox]:
        labels = self.labels
        if labels is None:
            return {}
        if size_of(labels) != size_of(image):
            raise DataError(
                f"{self.mask_name} is {in_words(size_of(labels))}; expected "
                f"{in_words(size_of(image))} like the first frame"
            )
        return {
            int(label): start_box_of_mask(labels == label) for label in np.unique(labels) if label
        }


def parse_first_boxes(boxes: Sequence[str], mask: Path | None) -> FirstBoxes:
    """Parse the boxes and read the mask; raises BoxError or DataError if there is no target."""
    parsed = tuple(RotatedBox.from_xywh(parse_box(text)) for text in boxes)
    labels = read_labels(mask) if mask else None
    if labels is None and not parsed:
        raise BoxError("no target is given; expected --box x,y,w,h, --mask first.png or --serve")
    if labels is not None and not labels.any():
        raise DataError(f"{mask} is empty; expected an object to start from")
    count = len(parsed) + (len(set(np.unique(labels)) - {0}) if labels is not None else 0)
    if count > MAX_TARGETS:
        raise BoxError(f"{count} targets are too many; expected at most {MAX_TARGETS}")
    return FirstBoxes(parsed, labels, str(mask or ""))
