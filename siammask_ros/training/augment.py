"""Warps an image to a crop, and varies the colours and sharpness of a crop.

Points are in pixel edges: a crop of side n spans [0, n], its middle is n / 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.training.image_cache import Image
from siammask_ros.training.pair_config import PairConfig

Affine = NDArray[np.float64]
Points = NDArray[np.float64]

_GREY_BGR = np.array([0.114, 0.587, 0.299])
_MID_GREY = 127.5
# A shorter shift has no clear direction.
_LEAST_MOTION_PX = 4.0


def context_side(box_xyxy: Sequence[float]) -> float:
    """Side of the square around a box that becomes the template (paper, section 4.1)."""
    x0, y0, x1, y1 = box_xyxy
    width, height = x1 - x0, y1 - y0
    context = 0.5 * (width + height)
    return float(np.sqrt((width + context) * (height + context)))


def crop_affine(
    center_in_image: Sequence[float] | Points,
    center_in_crop: Sequence[float] | Points,
    scale_xy: tuple[float, float],
    angle_rad: float = 0.0,
    flip: bool = False,
) -> Affine:
    """The (2, 3) map from image to crop that turns, mirrors and then scales about a centre."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turn = np.array([[cos, -sin], [sin, cos]])
    stretch = np.diag([-scale_xy[0] if flip else scale_xy[0], scale_xy[1]])
    linear = stretch @ turn
    offset = np.asarray(center_in_crop) - linear @ np.asarray(center_in_image)
    return np.column_stack([linear, offset])


def apply_affine(affine: Affine, points_xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply an affine map to points (N, 2)."""
    return np.asarray(points_xy @ affine[:, :2].T + affine[:, 2], np.float32)


def warp(image: Image, affine: Affine, side: int, border: Sequence[float] = (0.0,)) -> Image:
    """Warp an image to a crop (side, side[, 3]) uint8, bilinear, `border` outside of it."""
    crop = cv2.warpAffine(
        image,
        _convert_to_pixel_centers(affine),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(border),
    )
    return np.asarray(crop, np.uint8)


def warp_onto(ground: Image, image: Image, affine: Affine) -> Image:
    """Return a copy of the crop `ground` with the whole image warped onto it, bilinear."""
    result = ground.copy()
    cv2.warpAffine(
        image,
        _convert_to_pixel_centers(affine),
        (ground.shape[1], ground.shape[0]),
        dst=result,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    return result


def warp_mask(mask: NDArray[np.uint8], affine: Affine, side: int) -> NDArray[np.uint8]:
    """How much of each crop pixel a 0/1 mask covers: (side, side) uint8, 0 to 255."""
    return warp(mask * np.uint8(255), affine, side)


def draw_displacement(side: int, sigma_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth random field (side, side, 2) of displacements x, y in crop pixels.

    A grid of 4×4 Gaussian draws, interpolated by bicubic splines: limbs move, outlines bend.
    """
    grid = rng.normal(0.0, sigma_px, (4, 4, 2)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def deform(crop: Image, field: NDArray[np.float32], border: Sequence[float]) -> Image:
    """A crop (N, N[, 3]) whose pixel p shows what was at p + field(p), `border` outside of it."""
    side = field.shape[0]
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    out = cv2.remap(
        crop,
        x + field[..., 0],
        y + field[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(border),
    )
    return np.asarray(out, np.uint8)


def deform_points(
    points_xy: NDArray[np.float32], field: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where points (N, 2) of a crop are after ``deform``; beyond it the field's rim counts."""
    limit = field.shape[0] - 1
    moved = points_xy.copy()
    # p + field(p) = q has its solution near p = q − field(q); two rounds bring it below 0.5 px.
    for _ in range(2):
        column, row = np.clip(np.round(moved - 0.5), 0, limit).astype(int).T
        moved = points_xy - field[row, column]
    return np.asarray(moved, np.float32)


def draw_colour_transform(config: PairConfig, rng: np.random.Generator, strength: float) -> Affine:
    """A random (3, 4) map of BGR colours: saturation, hue, contrast, brightness, offsets."""

    def draw(extent: float) -> float:
        return float(rng.uniform(-extent, extent)) * strength

    linear = _hue_rotation(np.deg2rad(draw(config.hue_deg))) @ _saturation(
        1 + draw(config.saturation)
    )
    linear *= 1 + draw(config.contrast)
    offset = _MID_GREY - linear @ np.full(3, _MID_GREY) + draw(config.brightness)
    offset[rng.integers(3)] += draw(config.channel_offset)
    return np.column_stack([linear, offset])


def grey_transform() -> Affine:
    """The (3, 4) map of BGR colours to their grey."""
    return np.column_stack([_saturation(0.0), np.zeros(3)])


def compose(first: Affine, second: Affine) -> Affine:
    """Return the map that applies `first` and then `second`: (2, 3) or (3, 4)."""
    size = first.shape[0]
    linear = second[:, :size] @ first[:, :size]
    return np.column_stack([linear, second[:, :size] @ first[:, size] + second[:, size]])


def transform_colours(crop: Image, change: Affine) -> Image:
    """Apply a (3, 4) map to the BGR colours of a crop, clipped to 0 to 255."""
    return np.asarray(cv2.transform(crop, change), np.uint8)


def degrade(
    crop: Image,
    config: PairConfig,
    rng: np.random.Generator,
    motion_px: tuple[float, float] = (0.0, 0.0),
) -> Image:
    """Degrade a crop as a worse camera would: blur, low resolution, noise, JPEG.

    ``motion_px`` is how far the target moved: a blur by motion goes along it.
    """
    if rng.random() < config.blur_share:
        by_motion = rng.random() < 0.5
        crop = _blur_along_motion(crop, motion_px, rng) if by_motion else _blur_gaussian(crop, rng)
    if rng.random() < config.low_resolution_share:
        crop = _reduce_resolution(crop, rng)
    if rng.random() < config.noise_share:
        crop = _add_noise(crop, rng)
    if rng.random() < config.jpeg_share:
        crop = _compress_as_jpeg(crop, rng)
    return crop


def _convert_to_pixel_centers(affine: Affine) -> Affine:
    # OpenCV counts from the middle of a pixel, everything here from pixel edges.
    offset = affine[:, 2] + affine[:, :2] @ (0.5, 0.5) - 0.5
    return np.column_stack([affine[:, :2], offset])


def _saturation(factor: float) -> Affine:
    return factor * np.eye(3) + (1 - factor) * np.tile(_GREY_BGR, (3, 1))


def _hue_rotation(angle_rad: float) -> Affine:
    # A rotation about the grey axis (1, 1, 1): greys keep their value.
    turn, _ = cv2.Rodrigues(np.full(3, angle_rad / np.sqrt(3)))
    return np.asarray(turn, np.float64)


def _blur_gaussian(crop: Image, rng: np.random.Generator) -> Image:
    sigma_px = float(rng.uniform(0.6, 2.5))
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma_px), np.uint8)


def _blur_along_motion(
    crop: Image, motion_px: tuple[float, float], rng: np.random.Generator
) -> Image:
    length_px = int(rng.integers(3, 14)) | 1
    half = length_px // 2
    dx, dy = motion_px
    angle_rad = np.arctan2(dy, dx) if np.hypot(dx, dy) > _LEAST_MOTION_PX else rng.uniform(0, np.pi)
    along = half * np.array([np.cos(angle_rad), np.sin(angle_rad)])
    kernel = np.zeros((length_px, length_px), np.float32)
    start, end = (np.round((half + sign * along) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, shift=4)
    return np.asarray(cv2.filter2D(crop, -1, kernel / kernel.sum()), np.uint8)


def _reduce_resolution(crop: Image, rng: np.random.Generator) -> Image:
    side = crop.shape[0]
    small = max(8, round(side * float(rng.uniform(0.3, 0.8))))
    shrunk = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _add_noise(crop: Image, rng: np.random.Generator) -> Image:
    noise = rng.standard_normal(crop.shape, dtype=np.float32) * np.float32(rng.uniform(2, 12))
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


def _compress_as_jpeg(crop: Image, rng: np.random.Generator) -> Image:
    quality = int(rng.integers(20, 70))
    _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
