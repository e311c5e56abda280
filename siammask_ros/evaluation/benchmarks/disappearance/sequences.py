"""Sequences in which the target disappears and comes back, made from fully visible videos.

The target is visible for ``FOLLOWED_FRAMES``, away for ``AWAY_FRAMES`` and visible again for
``BACK_FRAMES``. Its video continues meanwhile, so it comes back at another place. A short video
is played backwards when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo, choose_other_video
from siammask_ros.geometry.boxes import mask_bounding_xywh

WAYS = ("covered", "another scene", "panned away")
FOLLOWED_FRAMES = 8
AWAY_FRAMES = 24
BACK_FRAMES = 30
PAN_FRAMES = 8

_COVER_MARGIN_PX = 9

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An image (H, W, 3) BGR, the target's mask (H, W), and its visible share, 0 to 1."""

    picture: Picture
    mask: NDArray[np.uint8]
    shown: float


@dataclass(frozen=True, slots=True)
class DisappearanceSequence:
    """One disappearance: the way, the first frame of the video, and what hides the target."""

    video: MaskedVideo
    other: MaskedVideo
    way: str
    start: int

    def __len__(self) -> int:
        pans = 2 * PAN_FRAMES if self.way == "panned away" else 0
        return FOLLOWED_FRAMES + AWAY_FRAMES + BACK_FRAMES + pans

    def scenes(self) -> Iterator[Scene]:
        """Yield the frames in order; the first one shows the target."""
        for number in range(len(self)):
            picture, mask = self.video.frame(_bounce(self.start + number, len(self.video)))
            other, _ = self.other.frame(_bounce(number, len(self.other)))
            height, width = mask.shape
            other = np.asarray(cv2.resize(other, (width, height)), np.uint8)
            yield self._scene(number, picture, (mask > 0).astype(np.uint8), other)

    def _scene(self, number: int, picture: Picture, mask: Picture, other: Picture) -> Scene:
        if self.way == "panned away":
            return _pan_away(picture, mask, other, self._pan_share(number))
        if not FOLLOWED_FRAMES <= number < FOLLOWED_FRAMES + AWAY_FRAMES:
            return Scene(picture, mask, 1.0)
        shows = other if self.way == "another scene" else cover_target(picture, mask, other)
        return Scene(shows, np.zeros_like(mask), 0.0)

    def _pan_share(self, number: int) -> float:
        """Return how far the camera is turned away: 0 not at all, ±1 fully left or right."""
        gone = number - FOLLOWED_FRAMES + 1
        back = number - (FOLLOWED_FRAMES + PAN_FRAMES + AWAY_FRAMES) + 1
        share = float(np.clip(gone / PAN_FRAMES, 0, 1) - np.clip(back / PAN_FRAMES, 0, 1))
        return share if self.start % 2 else -share


def make_disappearances(videos: list[MaskedVideo], starts: int) -> list[DisappearanceSequence]:
    """Make a sequence for each video, each way and each of ``starts`` evenly spaced frames.

    The video that hides the target changes each time. Raises DataError for a single video.
    """
    return [
        DisappearanceSequence(
            video,
            choose_other_video(videos, place, number + way),
            WAYS[way],
            _start(video, number, starts),
        )
        for place, video in enumerate(videos)
        for way in range(len(WAYS))
        for number in range(starts)
    ]


def cover_target(picture: Picture, mask: NDArray[Any], other: Picture) -> Picture:
    """Return the image with a piece of another one over the mask's bounding box."""
    if not mask.any():
        return picture
    grown: Any = cv2.dilate((mask > 0).astype(np.uint8), np.ones((_COVER_MARGIN_PX,) * 2, np.uint8))
    left, top, width, height = (int(value) for value in mask_bounding_xywh(grown))
    result = picture.copy()
    result[top : top + height, left : left + width] = cv2.resize(other, (width, height))
    return result


def _pan_away(picture: Picture, mask: Picture, other: Picture, share: float) -> Scene:
    """Return the view of a camera that turns by ``share`` of an image towards the other one."""
    width = mask.shape[1]
    moved = round(abs(share) * width)
    scenery, nothing = (picture, other), (mask, np.zeros_like(mask))
    if share < 0:
        scenery, nothing, moved = scenery[::-1], nothing[::-1], width - moved
    seen = np.ascontiguousarray(np.hstack(scenery)[:, moved : moved + width])
    kept = np.ascontiguousarray(np.hstack(nothing)[:, moved : moved + width])
    whole = max(int(np.count_nonzero(mask)), 1)
    return Scene(seen, kept, int(np.count_nonzero(kept)) / whole)


def _bounce(number: int, length: int) -> int:
    """Return the frame number in a video that plays forwards and backwards in turn."""
    place = number % max(2 * length - 2, 1)
    return min(place, 2 * length - 2 - place) if length > 1 else 0


def _start(video: MaskedVideo, number: int, starts: int) -> int:
    return number * len(video) // starts
