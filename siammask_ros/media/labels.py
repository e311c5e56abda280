"""Pictures whose pixels are object numbers, as DAVIS and YouTube-VOS annotate videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError

Labels = NDArray[np.uint8]


def read_labels(path: Path) -> Labels:
    """The number of every pixel's object, (H, W) uint8, 0 for none.

    Raises DataError where the file is missing or no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise DataError(f"{path} cannot be decoded; expected an annotation (PNG)")
    return labels_of(picture)


def labels_of(picture: NDArray[Any]) -> Labels:
    """Object numbers of an annotation: grey levels as they are, else read back from the palette.

    DAVIS and YouTube-VOS use PASCAL VOC's palette, which spreads the bits of a number over red,
    green and blue from the top bit down; two of each are enough for 63 objects.
    """
    if picture.ndim == 2:
        return picture.astype(np.uint8)
    labels = np.zeros(picture.shape[:2], np.uint8)
    for place, shift in ((0, 7), (3, 6)):
        for offset, channel in enumerate((2, 1, 0)):
            bit = (picture[..., channel] >> shift) & 1
            labels |= (bit << (place + offset)).astype(np.uint8)
    return labels
