"""A cache of decoded images with limited memory."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.image_files import read_image

Image = NDArray[np.uint8]


class ImageCache:
    """Decoded images, the most recently used ones kept in at most `cache_mb` megabytes."""

    def __init__(self, cache_mb: int = 1500) -> None:
        self._limit_bytes = cache_mb * 1_000_000
        self._held_bytes = 0
        self._held: OrderedDict[Path, tuple[Image, tuple[float, float, float]]] = OrderedDict()

    def read(self, path: Path) -> tuple[Image, tuple[float, float, float]]:
        """The image, (H, W, 3) uint8 BGR not to be written to, and its mean colour.

        Raises DataError where the file is missing or no image.
        """
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        image = read_image(path)
        blue, green, red, _ = cv2.mean(image)
        self._held[path] = (image, (blue, green, red))
        self._held_bytes += image.nbytes
        while self._held_bytes > self._limit_bytes and len(self._held) > 1:
            _, (oldest, _) = self._held.popitem(last=False)
            self._held_bytes -= oldest.nbytes
        return image, (blue, green, red)
