"""Cuts an object out of one image and pastes it into the search crop of another."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.training.augment import Affine, crop_affine, warp, warp_mask
from siammask_ros.training.image_cache import Image


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object at its place in the search crop, to be pasted.

    image (N, N, 3) uint8 BGR; cover (N, N) uint8: 0 keeps the crop, 255 replaces it.
    """

    image: Image
    cover: NDArray[np.uint8]

    def to_mask(self) -> NDArray[np.bool_]:
        """Return where the crop is hidden, (N, N) bool."""
        return np.asarray(self.cover > 127)

    def remove_hidden(self, front: NDArray[np.bool_]) -> Cutout:
        """Return the same without the pixels that ``front`` (N, N) hides."""
        return Cutout(self.image, np.where(front, np.uint8(0), self.cover))


def cut_out(image: Image, mask: NDArray[np.uint8], affine: Affine, side: int) -> Cutout:
    """Cut an object out of an image and place it in a crop of `side` by an affine map."""
    return Cutout(warp(image, affine, side), feather(warp_mask(mask, affine, side)))


def feather(cover: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a cover with a soft edge inside the object, so that no old background shows.

    The half-value contour stays, so that thin parts are not lost.
    """
    soft = cv2.GaussianBlur(cover, (3, 3), 0)
    return np.minimum(cover, cv2.addWeighted(soft, 1.5, soft, 0.0, -64.0))


def paste_cutout(crop: Image, cutout: Cutout) -> Image:
    """Return a copy of the crop with the object pasted over it."""
    x, y, width, height = cv2.boundingRect(cutout.cover)
    window = np.s_[y : y + height, x : x + width]
    result = crop.copy()
    weight = cutout.cover[window][..., None].astype(np.uint16)
    below, above = crop[window].astype(np.uint16), cutout.image[window].astype(np.uint16)
    result[window] = ((above * weight + below * (255 - weight) + 127) // 255).astype(np.uint8)
    return result


@dataclass(frozen=True, slots=True)
class Place:
    """Where the target is in the search crop: its centre and its size, √(w·h), in crop pixels."""

    center_in_crop: tuple[float, float]
    size_px: float


def draw_center_beside(
    target: Place, size_px: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Draw a centre for an object of this size next to the target, touching it or not."""
    angle_rad = rng.uniform(0, 2 * np.pi)
    distance_px = (target.size_px + size_px) / 2 * rng.uniform(0.8, 1.8)
    x, y = target.center_in_crop
    return x + distance_px * np.cos(angle_rad), y + distance_px * np.sin(angle_rad)


def draw_center_over(target: Place, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a centre for an object that hides a part of the target."""
    dx, dy = rng.uniform(-0.6, 0.6, 2) * target.size_px
    x, y = target.center_in_crop
    return x + dx, y + dy


def draw_background(image: Image, side: int, rng: np.random.Generator) -> Image:
    """Draw a random square of an image as background: (side, side, 3) uint8 BGR."""
    height, width = image.shape[:2]
    square = min(height, width) * rng.uniform(0.5, 1.0)
    center_in_image = (
        rng.uniform(square / 2, width - square / 2),
        rng.uniform(square / 2, height - square / 2),
    )
    scale = side / square
    middle = (side / 2, side / 2)
    affine = crop_affine(center_in_image, middle, (scale, scale), flip=bool(rng.random() < 0.5))
    return warp(image, affine, side)
