"""Makes the search crop of a training pair: the object, its background, and pasted objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siammask_ros.training import augment, paste
from siammask_ros.training.augment import Affine
from siammask_ros.training.datasets import FrameRef, ObjectClip
from siammask_ros.training.image_cache import Image, ImageCache
from siammask_ros.training.pair_config import PairConfig

TEMPLATE_SIDE = 127
SEARCH_SIDE = 255


@dataclass(slots=True, eq=False)
class Scene:
    """A search crop and its labels, while it is made.

    image (255, 255, 3) uint8 BGR; target and void (255, 255) bool: the visible pixels of
    the object, and those that are not annotated; box_xyxy (4,) float32: the whole object, hidden
    parts included; whole_px: the number of pixels of the whole object; motion_px: from the centre
    of the crop to that of the object.
    """

    image: Image
    target: NDArray[np.bool_]
    void: NDArray[np.bool_]
    box_xyxy: NDArray[np.float32]
    whole_px: float
    motion_px: tuple[float, float] = (0.0, 0.0)

    def cover(self, cutout: paste.Cutout) -> None:
        """Paste an object over the crop, and remove what it hides from the labels."""
        self.image = paste.paste_cutout(self.image, cutout)
        self.target &= ~cutout.to_mask()
        self.void &= ~cutout.to_mask()

    def labels(self) -> NDArray[np.int8]:
        """(255, 255) int8: +1 target, -1 background, 0 void."""
        return np.where(self.target, 1, np.where(self.void, 0, -1)).astype(np.int8)

    def is_visible(self, config: PairConfig) -> bool:
        """Whether enough of the object is visible."""
        least_px = max(config.min_visible_px, config.min_visible_share * self.whole_px)
        return bool(np.count_nonzero(self.target) >= least_px)


class SceneMaker:
    """Makes search crops around objects; other clips give pasted objects and backgrounds."""

    def __init__(
        self, clips: tuple[ObjectClip, ...], store: ImageCache, config: PairConfig
    ) -> None:
        self._clips = clips
        self._store = store
        self._config = config

    def make(
        self,
        frame: FrameRef,
        is_video: bool,
        border_bgr: Sequence[float],
        flip: bool,
        rng: np.random.Generator,
    ) -> Scene:
        """Make the search crop around the object of a frame; `border_bgr` is outside the image."""
        affine = self._affine(frame, is_video, flip, rng)
        scene = self._place_on_background(frame, affine, is_video, border_bgr, rng)
        if not is_video and rng.random() < self._config.still_deform_share:
            self._deform(scene, frame, affine, border_bgr, rng)
        x, y = augment.apply_affine(affine, np.array([frame.center_in_image], np.float32))[
            0
        ].tolist()
        scene.motion_px = (x - SEARCH_SIDE / 2, y - SEARCH_SIDE / 2)
        self._paste_donor(scene, rng)
        return scene

    def make_around(
        self,
        other: FrameRef,
        frame: FrameRef,
        border_bgr: Sequence[float],
        flip: bool,
        rng: np.random.Generator,
    ) -> Scene:
        """Make the search crop around another object of the image, labelled with the target.

        A distractor is in the middle; the target is where it is, or outside the crop.
        """
        affine = self._affine(other, True, flip, rng)
        image, _ = self._store.read(frame.image_path)
        crop = augment.warp(image, affine, SEARCH_SIDE, border_bgr)
        return self._label_crop(crop, frame, affine)

    def _deform(
        self,
        scene: Scene,
        frame: FrameRef,
        affine: Affine,
        border_bgr: Sequence[float],
        rng: np.random.Generator,
    ) -> None:
        """Deform the crop and its labels."""
        size_px = _place(scene.box_xyxy).size_px
        sigma_px = size_px * self._config.deform_max / 2
        field = augment.draw_displacement(SEARCH_SIDE, sigma_px, rng)
        scene.image = augment.deform(scene.image, field, border_bgr)
        for name in ("target", "void"):
            covered = getattr(scene, name).astype(np.uint8) * np.uint8(255)
            setattr(scene, name, augment.deform(covered, field, (0.0,)) > 127)
        corners = augment.apply_affine(affine, frame.hull_in_image)
        corners = augment.deform_points(corners, field)
        scene.box_xyxy = np.concatenate([corners.min(0), corners.max(0)])

    def _affine(
        self, frame: FrameRef, is_video: bool, flip: bool, rng: np.random.Generator
    ) -> Affine:
        config = self._config
        extent = config.small_motion if rng.random() < config.small_motion_share else 1.0
        shift = rng.uniform(-config.search_shift_px, config.search_shift_px, 2) * extent
        size = 1 + rng.uniform(-config.search_scale, config.search_scale) * extent
        aspect = 1 + rng.uniform(-config.search_aspect, config.search_aspect) * extent
        most_deg = config.video_rotation_deg if is_video else config.still_rotation_deg
        angle_rad = np.deg2rad(rng.uniform(-most_deg, most_deg))
        # The same scale as in the template: 127 pixels for the context.
        scale = TEMPLATE_SIDE / augment.context_side(frame.target.box_xyxy) * size
        scale_xy = (scale * aspect**0.5, scale / aspect**0.5)
        middle = SEARCH_SIDE / 2 + shift
        return augment.crop_affine(frame.center_in_image, middle, scale_xy, angle_rad, flip)

    def _place_on_background(
        self,
        frame: FrameRef,
        affine: Affine,
        is_video: bool,
        border_bgr: Sequence[float],
        rng: np.random.Generator,
    ) -> Scene:
        config = self._config
        image, _ = self._store.read(frame.image_path)
        share = config.video_background_share if is_video else config.still_background_share
        if rng.random() >= share:
            crop = self._warp_with_surroundings(image, affine, border_bgr, rng)
            return self._label_crop(crop, frame, affine)
        cutout = paste.cut_out(image, frame.mask(), affine, SEARCH_SIDE)
        scene = self._label_crop(
            paste.paste_cutout(self._draw_background(rng), cutout), frame, affine
        )
        scene.target = cutout.to_mask()
        scene.void[:] = False
        return scene

    def _label_crop(self, crop: Image, frame: FrameRef, affine: Affine) -> Scene:
        """Return the scene of a crop: the labels of the object of a frame."""
        target = _warp_to_mask(frame.mask(), affine)
        ignore = frame.ignore()
        void = np.zeros_like(target) if ignore is None else _warp_to_mask(ignore, affine)
        corners = augment.apply_affine(affine, frame.hull_in_image)
        box_xyxy = np.concatenate([corners.min(0), corners.max(0)])
        whole_px = frame.target.area_px * abs(float(np.linalg.det(affine[:, :2])))
        return Scene(crop, target, void, box_xyxy, whole_px)

    def _warp_with_surroundings(
        self,
        image: Image,
        affine: Affine,
        border_bgr: Sequence[float],
        rng: np.random.Generator,
    ) -> Image:
        if rng.random() < self._config.outside_filled_share:
            return augment.warp_onto(self._draw_background(rng), image, affine)
        return augment.warp(image, affine, SEARCH_SIDE, border_bgr)

    def _draw_background(self, rng: np.random.Generator) -> Image:
        image, _ = self._store.read(self._draw_donor(rng).image_path)
        return paste.draw_background(image, SEARCH_SIDE, rng)

    def _paste_donor(self, scene: Scene, rng: np.random.Generator) -> None:
        config = self._config
        place = _place(scene.box_xyxy)
        if rng.random() >= config.paste_share:
            return
        donor = self._draw_donor(rng)
        size_px = place.size_px * rng.uniform(config.paste_min_size, config.paste_max_size)
        if rng.random() < config.paste_over_share:
            scene.cover(self._cutout(donor, paste.draw_center_over(place, rng), size_px, rng))
            return
        cutout = self._cutout(donor, paste.draw_center_beside(place, size_px, rng), size_px, rng)
        if rng.random() < config.paste_behind_share:
            cutout = cutout.remove_hidden(scene.target | scene.void)
        scene.cover(cutout)

    def _cutout(
        self,
        donor: FrameRef,
        center_in_crop: tuple[float, float],
        size_px: float,
        rng: np.random.Generator,
    ) -> paste.Cutout:
        x0, y0, x1, y1 = donor.target.box_xyxy
        scale = size_px / float(np.sqrt((x1 - x0) * (y1 - y0)))
        most_deg = self._config.paste_rotation_deg
        turn_rad = np.deg2rad(rng.uniform(-most_deg, most_deg))
        flip = bool(rng.random() < 0.5)
        affine = augment.crop_affine(
            donor.center_in_image, center_in_crop, (scale, scale), turn_rad, flip
        )
        image, _ = self._store.read(donor.image_path)
        return paste.cut_out(image, donor.mask(), affine, SEARCH_SIDE)

    def _draw_donor(self, rng: np.random.Generator) -> FrameRef:
        clip = self._clips[rng.integers(len(self._clips))]
        return clip.frames[rng.integers(len(clip.frames))]


def _warp_to_mask(mask: NDArray[np.uint8], affine: Affine) -> NDArray[np.bool_]:
    return np.asarray(augment.warp_mask(mask, affine, SEARCH_SIDE) > 127)


def _place(box_xyxy: NDArray[np.float32]) -> paste.Place:
    x0, y0, x1, y1 = (float(value) for value in box_xyxy)
    size_px = float(np.sqrt((x1 - x0) * (y1 - y0)))
    return paste.Place(((x0 + x1) / 2, (y0 + y1) / 2), size_px)
