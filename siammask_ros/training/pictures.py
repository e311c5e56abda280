"""Decoded pictures, and how many of them stay in memory."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_header import size_in_header

Picture = NDArray[np.uint8]

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


class PictureStore:
    """Decoded pictures, the most recently used ones kept in at most `cache_mb` megabytes."""

    def __init__(self, cache_mb: int = 1500) -> None:
        self._limit_bytes = cache_mb * 1_000_000
        self._held_bytes = 0
        self._held: OrderedDict[Path, tuple[Picture, tuple[float, float, float]]] = OrderedDict()

    def read(self, path: Path) -> tuple[Picture, tuple[float, float, float]]:
        """The picture, (H, W, 3) uint8 BGR not to be written to, and its mean colour.

        Raises DataError where the file is missing or no picture.
        """
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        picture = read_picture(path)
        blue, green, red, _ = cv2.mean(picture)
        self._held[path] = (picture, (blue, green, red))
        self._held_bytes += picture.nbytes
        while self._held_bytes > self._limit_bytes and len(self._held) > 1:
            _, (oldest, _) = self._held.popitem(last=False)
            self._held_bytes -= oldest.nbytes
        return picture, (blue, green, red)


def read_picture(path: Path) -> Picture:
    """Decode one colour picture: (H, W, 3) uint8 BGR. Raises DataError where that fails."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise DataError(f"{path} is missing or is no picture; fetch this data set again.")
    return np.asarray(picture, np.uint8)


def size_of_picture(path: Path) -> tuple[int, int]:
    """Width and height of a picture, from its header where that tells.

    Raises DataError where the file is missing or no picture.
    """
    try:
        size = size_in_header(path.read_bytes())
    except OSError:
        size = None
    if size is None:
        height, width = read_picture(path).shape[:2]
        return width, height
    return size
