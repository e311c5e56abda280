"""The search for one target in one image: where it is, and what the network answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.crops import Image, context_side, crop_square
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.multi_target import select_variants
from siammask_ros.tracker.reacquisition import is_scanning, search_position
from siammask_ros.tracker.scoring import Choice
from siammask_ros.tracker.targets import TargetState


@dataclass(frozen=True, slots=True)
class TargetSearch:
    """Where one target is searched in one image, and with which settings.

    The search crop shows the square of ``side_px`` image pixels around ``center_in_image``, at
    ``scale`` crop pixels per image pixel. ``size`` (width, height) is the target's expected size
    in image pixels, ``variant`` the network at the size of this crop.
    """

    state: TargetState
    center_in_image: tuple[float, float]
    size: tuple[float, float]
    scale: float
    side_px: int
    variant: Variant
    config: TrackerConfig

    @property
    def size_in_crop(self) -> tuple[float, float]:
        """The target's expected width and height in search-crop pixels."""
        return self.size[0] * self.scale, self.size[1] * self.scale

    def cut_crop(self, image: Image) -> Image:
        """The search crop (S, S, 3) of this image."""
        return crop_square(
            image,
            self.center_in_image,
            self.side_px,
            self.variant.search_size,
            self.state.fill_bgr,
        )

    def locate(self, choice: Choice) -> tuple[tuple[float, float], tuple[float, float]]:
        """Centre and size in the image after this choice; ``size_rate`` smooths the size."""
        rate = choice.penalty * choice.score * self.config.size_rate
        (x, y), (width, height) = self.center_in_image, self.size
        dx, dy = choice.offset_in_crop
        new_width, new_height = choice.size_in_crop
        center = (x + dx / self.scale, y + dy / self.scale)
        size = (
            width * (1 - rate) + new_width / self.scale * rate,
            height * (1 - rate) + new_height / self.scale * rate,
        )
        return center, size


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's answer for one target: an anchor, the mask of its cell, the mask's quality.

    ``mask`` (M, M) is None for a network without masks, ``quality`` (the IoU that the network
    expects of its mask) for a network that does not compute it.
    """

    choice: Choice
    mask: NDArray[np.float32] | None = None
    quality: float | None = None

    @property
    def score(self) -> float:
        """How sure the network is of the target: the quality where there is one."""
        return self.choice.score if self.quality is None else self.quality

    @property
    def is_finite(self) -> bool:
        """Whether mask and quality are numbers; a ``Choice`` always is."""
        if self.quality is not None and not np.isfinite(self.quality):
            return False
        return self.mask is None or bool(np.isfinite(self.mask).all())


def plan_searches(
    states: Sequence[TargetState],
    config: TrackerConfig,
    variant: Variant,
    image_size: tuple[int, int],
) -> list[TargetSearch]:
    """A search for each target in an image of (height, width)."""
    variants = select_variants(variant, states, config)
    return [
        _plan_search(state, config, variant, image_size)
        for state, variant in zip(states, variants, strict=True)
    ]


def _plan_search(
    state: TargetState, config: TrackerConfig, variant: Variant, image_size: tuple[int, int]
) -> TargetSearch:
    center, size = search_position(state, config, variant, image_size)
    if is_scanning(state, config):
        # Away from the target's last position no place is likelier than another.
        config = replace(config, window_influence=0.0)
    side = context_side(*size)
    side_px = round(side * variant.search_size / variant.template_size)
    scale = variant.template_size / side
    return TargetSearch(state, center, size, scale, side_px, variant, config)
