"""Crops from images, from which the value ranges of an int8 network are calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.geometry.crops import Image, context_side, crop_square, mean_bgr
from siammask_ros.media.image_files import IMAGE_SUFFIXES, is_image_file, read_image
from siammask_ros.media.natural_order import in_natural_order
from siammask_ros.model.variants import Variant

SHIPPED = Path(__file__).parent.parent / "weights" / "calibration"

# Sides of a target relative to the shorter side of the image, and how far its search is off.
_SIDES = (0.15, 0.6)
_SHIFT_IN_CROP = 40.0
_ZOOM = (0.85, 1.18)

CropPair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def read_images(folder: Path) -> list[Image]:
    """All images of a folder, (H, W, 3) uint8 BGR, by name; raises DataError for none."""
    paths = in_natural_order(filter(is_image_file, folder.iterdir())) if folder.is_dir() else []
    if not paths:
        raise DataError(
            f"{folder} contains no images; expected a folder of {' '.join(IMAGE_SUFFIXES)}"
        )
    return [read_image(path) for path in paths]


def make_crop_pairs(images: Sequence[Image], variant: Variant, count: int) -> list[CropPair]:
    """``count`` template (127, 127, 3) and search crops (255, 255, 3) around random targets.

    The images take turns; the same images give the same crops.
    """
    rng = np.random.default_rng(0)
    return [_pair(images[index % len(images)], variant, rng) for index in range(count)]


def _pair(image: Image, variant: Variant, rng: np.random.Generator) -> CropPair:
    height, width = image.shape[:2]
    sides = rng.uniform(*_SIDES, 2) * min(height, width)
    x, y = (float(value) for value in rng.uniform((0.2, 0.2), (0.8, 0.8)) * (width, height))
    square = context_side(*(float(side) for side in sides))
    fill = mean_bgr(image)
    template = crop_square(image, (x, y), round(square), variant.template_size, fill)
    scale = square / variant.template_size
    dx, dy = (float(value) for value in rng.uniform(-_SHIFT_IN_CROP, _SHIFT_IN_CROP, 2) * scale)
    around = round(variant.search_size * scale * float(rng.uniform(*_ZOOM)))
    search = crop_square(image, (x + dx, y + dy), around, variant.search_size, fill)
    return template, search
