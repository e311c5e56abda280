"""Image files: the one way to read them, so that every tool sees an image the same way up."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.image_header import size_in_header

Image = NDArray[np.uint8]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# How EXIF data begin in a JPEG, in a PNG and in a WebP. They may turn the image.
_EXIF_MARKS = (b"Exif\0\0", b"eXIf", b"EXIF")


def is_image_file(path: Path) -> bool:
    """Return whether the name of a file ends like an image's."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def name_for_opencv(path: Path) -> str:
    """Return a path as OpenCV takes it; raises DataError for a name that would crash it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"the name {path} is not UTF-8; rename the file or its folder") from None
    return str(path)


def read_image(path: Path, stretch: ContrastStretch | None = None) -> Image:
    """Decode an image: (H, W, 3) uint8 BGR, the way up that its EXIF orientation says.

    16 bits are brought to 8 by ``stretch``, that of its video; None: as if it were the only image.
    Raises DataError where the file is missing or cannot be decoded.
    """
    try:
        image = cv2.imread(name_for_opencv(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # The header promises more pixels than OpenCV takes.
        image = None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        problem = "cannot be decoded" if path.exists() else "is missing"
        raise DataError(f"{path} {problem}; expected an image of 8 or 16 bits")
    if image.dtype == np.uint16:
        return (stretch or ContrastStretch()).to_8bit(np.asarray(image, np.uint16))
    return np.asarray(image, np.uint8)


def image_size_wh(path: Path) -> tuple[int, int]:
    """Width and height of what ``read_image`` returns, from the header where that is enough.

    Raises DataError where the file is missing or cannot be decoded.
    """
    data = path.read_bytes() if path.is_file() else b""
    size_wh = None if any(mark in data for mark in _EXIF_MARKS) else size_in_header(data)
    if size_wh is None:
        height, width = read_image(path).shape[:2]
        return width, height
    return size_wh
