"""Masks whose pixels are object numbers, as DAVIS, YouTube-VOS and KITTI-MOTS annotate videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_header import png_palette

Labels = NDArray[np.int32]

# KITTI-MOTS numbers objects by 1000 × class + instance and marks what is not annotated by 10000.
_MOTS_NUMBERS = (1000, 3000)
_MOTS_IGNORE = 10000
# The number of a colour that stands for no number: this plus red, green and blue.
_FIRST_COLOUR = 1 << 24
# Levels of a black and white mask that was a JPEG or was resized; JPEG's noise is inside a block.
_BLACK, _MIDDLE, _WHITE = 16, 127, 239
_JPEG_BLOCK_PX = 8
_MANY_LEVELS = 8


def read_labels(path: Path) -> Labels:
    """Read the number of every pixel's object: (H, W) int32, 0 for none.

    The mask may hold numbers as grey levels (8 or 16 bits, one channel or three equal ones), places
    in a palette, or a colour for each object. A black and white one is one object, number 255,
    also where a JPEG or resizing made its edges grey. Raises DataError where the file is missing or
    no image, or where other edges were blended: their levels would count as objects.
    """
    data = path.read_bytes() if path.is_file() else b""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None:
        raise DataError(f"{path} cannot be decoded; expected an annotation (PNG)")
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 and (image.dtype != np.uint16 or channels > 1):
        raise DataError(
            f"{path} has {channels} channels of {image.dtype}; expected object numbers of 8 or 16 "
            "bits in one channel, or 8-bit colours"
        )
    palette = png_palette(data)
    labels = labels_of(image, palette)
    # Places in a palette are no levels: nothing was blended, and 255 is a number like others.
    return _with_sharp_edges(labels, path) if palette is None else labels


def labels_of(image: NDArray[Any], palette: bytes | None = None) -> Labels:
    """Object numbers of a mask: grey levels as they are, else the places of its colours.

    Args:
        image: (H, W) uint8 or uint16, or (H, W, 3 or 4) uint8 BGR, whose alpha does not count.
        palette: Red, green and blue of the numbers 0, 1, …; without one it is PASCAL VOC's, as in
            DAVIS and YouTube-VOS. A colour that VOC's lacks has a number of its own.
    """
    if image.ndim == 2:
        return _remove_ignored(image.astype(np.int32))
    blue, green, red = np.moveaxis(image[..., :3].astype(np.int32), 2, 0)
    if palette is None and (blue == green).all() and (green == red).all():
        return np.asarray(blue, np.int32)
    colours = red << 16 | green << 8 | blue
    if palette is not None:
        return _places_in(np.frombuffer(palette, np.uint8).reshape(-1, 3), colours)
    present, which = np.unique(colours, return_inverse=True)
    numbers = [_VOC_NUMBERS.get(int(colour), _FIRST_COLOUR + int(colour)) for colour in present]
    return np.array(numbers, np.int32)[which].reshape(colours.shape)


def _remove_ignored(labels: Labels) -> Labels:
    """Count KITTI-MOTS's unannotated regions as no object."""
    low, high = _MOTS_NUMBERS
    others = labels[(labels > 0) & (labels != _MOTS_IGNORE)]
    if ((others >= low) & (others < high)).all():
        labels[labels == _MOTS_IGNORE] = 0
    return labels


def _places_in(palette: NDArray[np.uint8], colours: Labels) -> Labels:
    """The first place of each colour in a palette (n, 3) RGB."""
    red, green, blue = palette.astype(np.int32).T
    known = red << 16 | green << 8 | blue
    order = np.argsort(known, kind="stable")
    found = np.searchsorted(known[order], colours).clip(max=len(known) - 1)
    return np.asarray(order[found], np.int32)


def voc_palette() -> NDArray[np.uint8]:
    """The palette (256, 3) RGB of PASCAL VOC, which DAVIS and YouTube-VOS use.

    The bits of a number are spread over red, green and blue, the lowest three to their top bits.
    """
    numbers = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for place in range(8):
        channel, shift = place % 3, 7 - place // 3
        palette[:, channel] |= (((numbers >> place) & 1) << shift).astype(np.uint8)
    return palette


_VOC_NUMBERS = {
    red << 16 | green << 8 | blue: number
    for number, (red, green, blue) in enumerate(voc_palette().tolist())
}


def _with_sharp_edges(labels: Labels, path: Path) -> Labels:
    """Make black and white of soft black and white; raises DataError for other soft edges."""
    levels = np.unique(labels[labels > 0])
    if len(levels) < 2:
        return labels
    places = np.searchsorted(levels, labels, side="right").astype(np.float32)
    block: Any = np.ones((3, 3), np.uint8)
    # A pixel inside a region has equal neighbours; a level without one is found at edges only.
    is_inside = cv2.erode(places, block) == cv2.dilate(places, block)
    solid = np.unique(labels[(labels > 0) & is_inside])
    if _is_soft_black_and_white(labels, levels, solid):
        return np.where(labels > _MIDDLE, 255, 0).astype(np.int32)
    at_edges = np.setdiff1d(levels, solid)
    if len(at_edges) >= _MANY_LEVELS:
        raise DataError(
            f"{path} has {len(at_edges)} values at edges only, such as "
            f"{', '.join(str(level) for level in at_edges[:5])}: it was a JPEG or was resized with "
            "blending; expected object numbers (save masks as PNG, resize them to the nearest)"
        )
    return labels


def _is_soft_black_and_white(
    labels: Labels, levels: NDArray[np.int32], solid: NDArray[np.int32]
) -> bool:
    """Return whether a mask is white on black, but for grey edges and JPEG's noise near them."""
    if levels[-1] > 255 or levels[-1] <= _MIDDLE:
        return False
    grey = levels[(levels > _BLACK) & (levels < _WHITE)]
    if np.isin(solid, grey).any() or (len(grey) < _MANY_LEVELS and not (solid >= _WHITE).any()):
        return False
    around: Any = np.ones((2 * _JPEG_BLOCK_PX + 1,) * 2, np.uint8)
    near_white = cv2.dilate((labels > _MIDDLE).astype(np.uint8), around) > 0
    return bool(near_white[labels > 0].all())
