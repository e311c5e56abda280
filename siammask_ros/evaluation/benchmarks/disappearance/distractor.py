"""A cut to a distractor: another scene, with an object of the same class where the target was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo, bounce
from siammask_ros.evaluation.benchmarks.object_classes import class_of_video
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh

# The window moves by this share of its width, so that the frames of a still differ.
_MOTION_SHARE = 0.05

Mask = NDArray[np.uint8]


def choose_distractor(
    videos: Sequence[MaskedVideo],
    stills_by_class: Mapping[str, Sequence[MaskedVideo]],
    place: int,
    number: int,
) -> MaskedVideo | None:
    """Return an object of the class of ``videos[place]``, another one for each number.

    The other videos come first, then the stills. None if the class is unknown or has no other.
    """
    name = videos[place].name
    label = class_of_video(name)
    own = name.partition("/")[0]
    others = [
        video
        for video in videos
        if class_of_video(video.name) == label and video.name.partition("/")[0] != own
    ]
    candidates = [*others, *stills_by_class.get(label, ())] if label else []
    return candidates[number % len(candidates)] if candidates else None


@dataclass(frozen=True, slots=True)
class DistractorView:
    """A window of another scene that shows its object near the target's last place and size.

    The scene fills the window. ``scale`` is from the scene's image to the window, ``left`` and
    ``top`` are the window's corner in the scaled image.
    """

    scale: float
    left: float
    top: float
    size_wh: tuple[int, int]

    @classmethod
    def place(cls, target: Mask, distractor: Mask) -> DistractorView:
        """Place the window for a target's mask (H, W) and the mask of the scene's own object."""
        wanted = RotatedBox.from_xywh(mask_bounding_xywh(target))
        found = RotatedBox.from_xywh(mask_bounding_xywh(distractor))
        (height, width), (scene_height, scene_width) = target.shape, distractor.shape
        motion_px = _MOTION_SHARE * width
        scale = max(
            math.sqrt(wanted.width * wanted.height / (found.width * found.height)),
            (width + motion_px) / scene_width,
            height / scene_height,
        )
        left = np.clip(scale * found.x - wanted.x, 0, scale * scene_width - width - motion_px)
        top = np.clip(scale * found.y - wanted.y, 0, scale * scene_height - height)
        return cls(scale, float(left), float(top), (width, height))

    def show(self, image: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """Return the window (H, W, 3) of frame ``number``; it moves slowly from side to side."""
        farthest = int(_MOTION_SHARE * self.size_wh[0])
        left = self.left + bounce(number, farthest + 1)
        to_window: Any = np.array([[self.scale, 0, -left], [0, self.scale, -self.top]])
        shown = cv2.warpAffine(image, to_window, self.size_wh, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shown, np.uint8)
