"""Draws training pairs: a template crop and a search crop of one object.

A pair depends only on the seed and its index, so a training resumes at the exact pair.
Crop coordinates are in pixel edges: the search crop spans [0, 255], its middle is 127.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from siammask_ros.errors import DataError
from siammask_ros.training import augment
from siammask_ros.training.augment import Affine
from siammask_ros.training.datasets import FrameRef, ObjectClip
from siammask_ros.training.image_cache import Image, ImageCache
from siammask_ros.training.pair_config import PairConfig
from siammask_ros.training.scene import SEARCH_SIDE, TEMPLATE_SIDE, Scene, SceneMaker

_ATTEMPTS = 100
# From the middle of the search crop to the outermost cells of the score map, plus half a cell.
_REACH_PX = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One training pair.

    template (127, 127, 3) and search (255, 255, 3) uint8 BGR. mask (255, 255) int8: +1 target,
    -1 background, 0 not counted. box_xyxy (4,) float32: the whole target, with
    parts that are hidden or outside the search crop; four zeros in a negative pair. positive:
    whether the search crop shows the target.
    """

    template: Image
    search: Image
    mask: NDArray[np.int8]
    box_xyxy: NDArray[np.float32]
    positive: bool


class PairSampler:
    """Draws pairs from clips; the same generator state gives the same pair.

    Raises DataError if there are no clips.
    """

    def __init__(
        self,
        clips: Sequence[ObjectClip],
        config: PairConfig | None = None,
        seed: int = 0,
    ) -> None:
        if not clips:
            raise DataError("there are no objects to train on; expected at least one data set")
        self.config = config or PairConfig()
        if self.config.negative_share and len({clip.frames[0].image_path for clip in clips}) < 2:
            raise DataError(
                "negative pairs need objects of at least two videos or stills; add data, or set "
                "pairs.negative_share to 0"
            )
        self.seed = seed
        self._store = ImageCache()
        self._clips = tuple(clips)
        self._scenes = SceneMaker(self._clips, self._store, self.config)
        self._videos = tuple(clip for clip in clips if clip.is_video)
        self._stills = tuple(clip for clip in clips if not clip.is_video)
        self._of_source = _group_by(clips, [clip.source for clip in clips])
        self._of_label = _group_by(clips, [clip.label for clip in clips])
        self._of_image = _frames_by_image(clips)
        self._chances = {
            among: np.cumsum([clip.weight for clip in among])
            for among in (self._videos, self._stills, self._clips)
            if among
        }

    def at(self, index: int) -> Pair:
        """Return the pair with this index."""
        return self.sample(np.random.default_rng((self.seed, index)))

    def sample(self, rng: np.random.Generator) -> Pair:
        """Draw one pair; raises DataError if the target is not visible enough in any attempt."""
        positive = bool(rng.random() >= self.config.negative_share)
        for _ in range(_ATTEMPTS):
            pair = self._try_pair(positive, rng)
            if pair is not None:
                return pair
        raise DataError(
            f"no target was visible enough in {_ATTEMPTS} attempts; lower min_visible_share or "
            "min_visible_px, or check the masks of the data set"
        )

    def _try_pair(self, positive: bool, rng: np.random.Generator) -> Pair | None:
        clip = self._draw_clip(rng)
        template_frame, search_frame = self._draw_frames(clip, rng)
        if not positive:
            other = self._draw_other(clip, rng)
            if other is None:
                return None
            search_frame = other.frames[rng.integers(len(other.frames))]
        flip = bool(rng.random() < self.config.flip_share)
        template = self._template(template_frame, flip, rng)
        others = self._others_in_image(search_frame)
        if positive and others and rng.random() < self.config.same_image_share:
            distractor = others[rng.integers(len(others))]
            _, border_bgr = self._store.read(template_frame.image_path)
            scene = self._scenes.make_around(distractor, search_frame, border_bgr, flip, rng)
            positive = scene.is_visible(self.config) and _is_in_reach(scene)
            if not positive and scene.target.any():
                return None
        else:
            made = self._search(template_frame, search_frame, clip.is_video, positive, flip, rng)
            if made is None:
                return None
            scene = made
        template, search = self._vary_appearance(template, scene, rng)
        if not positive:
            no_target = np.full(scene.target.shape, -1, np.int8)
            return Pair(template, search, no_target, np.zeros(4, np.float32), False)
        return Pair(template, search, scene.labels(), scene.box_xyxy, True)

    def _draw_clip(self, rng: np.random.Generator) -> ObjectClip:
        from_video = rng.random() < self.config.video_share
        among = (self._videos if from_video else self._stills) or self._clips
        chances = self._chances[among]
        return among[int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))]

    def _draw_frames(self, clip: ObjectClip, rng: np.random.Generator) -> tuple[FrameRef, FrameRef]:
        first = int(rng.integers(len(clip.frames)))
        if not clip.is_video:
            return clip.frames[first], clip.frames[first]
        low = max(0, first - self.config.max_gap_frames)
        high = min(len(clip.frames) - 1, first + self.config.max_gap_frames)
        second = int(rng.integers(low, high))
        return clip.frames[first], clip.frames[second + (second >= first)]

    def _draw_other(self, clip: ObjectClip, rng: np.random.Generator) -> ObjectClip | None:
        """Draw an object of another image, of the same class or data set if drawn so."""
        among = self._clips
        if clip.label and rng.random() < self.config.negative_same_label_share:
            among = self._of_label[clip.label]
        elif rng.random() < self.config.negative_same_source_share:
            among = self._of_source[clip.source]
        other = among[rng.integers(len(among))]
        is_same_image = other.frames[0].image_path == clip.frames[0].image_path
        return None if is_same_image else other

    def _template(self, frame: FrameRef, flip: bool, rng: np.random.Generator) -> Image:
        config = self.config
        image, mean = self._store.read(frame.image_path)
        shift = rng.uniform(-config.template_shift_px, config.template_shift_px, 2)
        size = 1 + rng.uniform(-config.template_scale, config.template_scale)
        scale = TEMPLATE_SIDE / augment.context_side(frame.target.box_xyxy) * size
        affine = augment.crop_affine(
            frame.center_in_image, TEMPLATE_SIDE / 2 + shift, (scale, scale), flip=flip
        )
        return augment.warp(image, affine, TEMPLATE_SIDE, mean)

    def _search(
        self,
        template_frame: FrameRef,
        frame: FrameRef,
        is_video: bool,
        positive: bool,
        flip: bool,
        rng: np.random.Generator,
    ) -> Scene | None:
        """Make the search crop around the object of `frame`; None if too little is visible."""
        if not is_video and rng.random() < self.config.still_search_flip_share:
            flip = not flip
        # A tracker fills the border with the mean colour of its first frame. In a negative pair
        # that colour would reveal that the images differ.
        _, border_bgr = self._store.read((template_frame if positive else frame).image_path)
        scene = self._scenes.make(frame, is_video, border_bgr, flip, rng)
        return scene if scene.is_visible(self.config) else None

    def _others_in_image(self, frame: FrameRef) -> list[FrameRef]:
        """Return the other annotated objects in the image of a frame."""
        return [other for other in self._of_image[frame.image_path] if other is not frame]

    def _vary_appearance(
        self, template: Image, scene: Scene, rng: np.random.Generator
    ) -> tuple[Image, Image]:
        """Change the colours of both crops alike, then each on its own, then degrade each."""
        config = self.config
        light = augment.draw_colour_transform(config, rng, 1.0)
        if rng.random() < config.grey_share:
            light = augment.compose(light, augment.grey_transform())
        template, search = (
            augment.transform_colours(crop, self._vary_colours(light, rng))
            for crop in (template, scene.image)
        )
        template = augment.degrade(template, config, rng)
        return template, augment.degrade(search, config, rng, scene.motion_px)

    def _vary_colours(self, light: Affine, rng: np.random.Generator) -> Affine:
        # The common change comes last: if it makes the crop grey, it stays grey.
        return augment.compose(
            augment.draw_colour_transform(self.config, rng, self.config.per_crop_variation), light
        )


class PairDataset(Dataset[dict[str, torch.Tensor]]):
    """The first `length` pairs of a sampler as tensors.

    An item: template (3, 127, 127) uint8, search (3, 255, 255) uint8, both BGR, mask (255, 255)
    int8, box_xyxy (4,) float32, positive () bool, as in :class:`Pair`.
    """

    def __init__(self, sampler: PairSampler, length: int) -> None:
        self._sampler = sampler
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if not 0 <= index < self._length:
            raise IndexError(f"pair {index} of {self._length}")
        # The loader has several processes; threads of OpenCV would slow them down.
        cv2.setNumThreads(0)
        pair = self._sampler.at(index)
        return {
            "template": _channels_first(pair.template),
            "search": _channels_first(pair.search),
            "mask": torch.from_numpy(pair.mask),
            "box_xyxy": torch.from_numpy(pair.box_xyxy),
            "positive": torch.tensor(pair.positive),
        }


def _channels_first(crop: Image) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))


def _group_by(
    clips: Sequence[ObjectClip], keys: Sequence[str]
) -> dict[str, tuple[ObjectClip, ...]]:
    groups: dict[str, list[ObjectClip]] = {}
    for clip, key in zip(clips, keys, strict=True):
        groups.setdefault(key, []).append(clip)
    return {key: tuple(group) for key, group in groups.items()}


def _frames_by_image(clips: Sequence[ObjectClip]) -> dict[Path, list[FrameRef]]:
    frames: dict[Path, list[FrameRef]] = {}
    for clip in clips:
        for frame in clip.frames:
            frames.setdefault(frame.image_path, []).append(frame)
    return frames


def _is_in_reach(scene: Scene) -> bool:
    """Whether the centre of the target is within the cells of the score map."""
    x0, y0, x1, y1 = scene.box_xyxy
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return bool(np.all(np.abs(center - SEARCH_SIDE / 2) <= _REACH_PX))
