"""Images to measure speed on: textured squares that move over noise. Needs no data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ConfigError
from siammask_ros.geometry.boxes import RotatedBox

# Height and width in pixels.
SIZES = {
    "480p": (480, 854),
    "720p": (720, 1280),
    "1080p": (1080, 1920),
    "1440p": (1440, 2560),
    "4k": (2160, 3840),
}
SIDE_PX = 64
IMAGES = 4
_STEP_PX = 3
_TILE_PX = 256
_BLOCK_PX = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """A few images (H, W, 3) uint8 BGR, and where the targets are in each of them."""

    images: tuple[NDArray[np.uint8], ...]
    boxes: tuple[tuple[RotatedBox, ...], ...]


def parse_size(name: str) -> tuple[int, int]:
    """Height and width of an image size; raises ConfigError with the known names."""
    try:
        return SIZES[name]
    except KeyError:
        known = ", ".join(SIZES)
        raise ConfigError(f"size {name!r} is unknown; expected some of: {known}") from None


def make_moving_squares(size: str, targets: int) -> Scene:
    """Images of this size with so many squares, of the same pixels whatever the size.

    The squares lie in the part that a 480p image shows and move a few pixels an image.
    """
    height, width = parse_size(size)
    images, boxes = [], []
    for number in range(IMAGES):
        image = _noise(height, width)
        centers = [(x + _STEP_PX * number, y) for x, y in _centers(targets)]
        for index, (x, y) in enumerate(centers):
            left, top = x - SIDE_PX // 2, y - SIDE_PX // 2
            image[top : top + SIDE_PX, left : left + SIDE_PX] = _texture(index)
        images.append(image)
        boxes.append(tuple(RotatedBox(x, y, SIDE_PX, SIDE_PX) for x, y in centers))
    return Scene(tuple(images), tuple(boxes))


def _centers(targets: int) -> list[tuple[int, int]]:
    """Middles of the cells of a grid over a 480p image, one a target."""
    height, width = SIZES["480p"]
    columns = math.ceil(math.sqrt(targets * width / height))
    rows = math.ceil(targets / columns)
    return [
        (
            round((index % columns + 0.5) * width / columns),
            round((index // columns + 0.5) * height / rows),
        )
        for index in range(targets)
    ]


def _noise(height: int, width: int) -> NDArray[np.uint8]:
    tile = np.random.default_rng(0).integers(0, 90, (_TILE_PX, _TILE_PX, 3), np.uint8)
    down, across = math.ceil(height / _TILE_PX), math.ceil(width / _TILE_PX)
    return np.ascontiguousarray(np.tile(tile, (down, across, 1))[:height, :width])


def _texture(index: int) -> NDArray[np.uint8]:
    """A square of bright blocks, its own for each target."""
    blocks = SIDE_PX // _BLOCK_PX
    coarse = np.random.default_rng(index + 1).integers(120, 256, (blocks, blocks, 3), np.uint8)
    return coarse.repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
