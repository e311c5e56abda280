"""A video whose target is known to the pixel, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.metrics.overlap import region_similarity
from siammask_ros.geometry.boxes import mask_bounding_xywh
from siammask_ros.tracker.targets import TargetResult

_COVER_MARGIN_PX = 9


class MaskedVideo(Protocol):
    """Frames of one target; the first one shows it."""

    name: str

    def __len__(self) -> int: ...

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image (H, W, 3) BGR and mask (H, W), non-zero on the target."""
        ...


def choose_other_video(videos: Sequence[MaskedVideo], place: int, number: int) -> MaskedVideo:
    """Return a video that does not show the target of ``videos[place]``, another one each time.

    The objects of one video are named VIDEO/OBJECT; they share its images, so none of them is
    another video. Raises DataError where there is none.
    """
    own = videos[place].name.partition("/")[0]
    others = [
        video
        for video in (*videos[place + 1 :], *videos[:place])
        if video.name.partition("/")[0] != own
    ]
    if not others:
        raise DataError(f"there is no video beside {own}; expected one that does not show it")
    return others[number % len(others)]


def mask_similarity(result: TargetResult, truth: NDArray[Any]) -> float:
    """Return J, the IoU of a result's mask and the true one (H, W); no mask is an empty one."""
    empty = np.zeros(truth.shape, np.uint8)
    return region_similarity(result.mask.to_image_mask() if result.mask else empty, truth)


def cover_target(
    image: NDArray[np.uint8], mask: NDArray[Any], other: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the image with another one over the mask's bounding box and a small margin."""
    if not mask.any():
        return image
    grown: Any = cv2.dilate((mask > 0).astype(np.uint8), np.ones((_COVER_MARGIN_PX,) * 2, np.uint8))
    left, top, width, height = (int(value) for value in mask_bounding_xywh(grown))
    covered = image.copy()
    covered[top : top + height, left : left + width] = cv2.resize(other, (width, height))
    return covered


def bounce(number: int, length: int) -> int:
    """Return the frame number in a video that plays forwards and backwards in turn."""
    place = number % max(2 * length - 2, 1)
    return min(place, 2 * length - 2 - place) if length > 1 else 0
