"""Sequences in which the target disappears and comes back, made from fully visible videos.

The target is visible for ``TRACKED_FRAMES``, away for ``AWAY_FRAMES`` and visible again for
``BACK_FRAMES``. Its video continues meanwhile, so it comes back at another place. A short video
is played backwards when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.disappearance.distractor import (
    DistractorView,
    choose_distractor,
)
from siammask_ros.evaluation.benchmarks.masked_video import (
    MaskedVideo,
    bounce,
    choose_other_video,
    cover_target,
)

COVERED, SCENE, PAN, DISTRACTOR = "covered", "another scene", "panned away", "distractor"
WAYS = (COVERED, SCENE, PAN, DISTRACTOR)
TRACKED_FRAMES = 8
AWAY_FRAMES = 24
BACK_FRAMES = 30
PAN_FRAMES = 8

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An image (H, W, 3) BGR, the target's mask (H, W), and its visible share, 0 to 1."""

    image: Image
    mask: NDArray[np.uint8]
    visible: float


@dataclass(frozen=True, slots=True)
class DisappearanceSequence:
    """One disappearance: the way, the first frame of the video, and what is shown instead."""

    video: MaskedVideo
    other: MaskedVideo
    way: str
    start: int

    def __len__(self) -> int:
        pans = 2 * PAN_FRAMES if self.way == PAN else 0
        return TRACKED_FRAMES + AWAY_FRAMES + BACK_FRAMES + pans

    def scenes(self) -> Iterator[Scene]:
        """Yield the frames in order; the first one shows the target."""
        view = self._distractor_view() if self.way == DISTRACTOR else None
        for number in range(len(self)):
            image, mask = self._own_frame(number)
            other, _ = self.other.frame(bounce(number, len(self.other)))
            height, width = mask.shape
            shown = view.show(other, number) if view else cv2.resize(other, (width, height))
            yield self._scene(number, image, mask, np.asarray(shown, np.uint8))

    def _own_frame(self, number: int) -> tuple[Image, Image]:
        image, mask = self.video.frame(bounce(self.start + number, len(self.video)))
        return image, (mask > 0).astype(np.uint8)

    def _distractor_view(self) -> DistractorView:
        """Return the view that has the distractor where the target was last."""
        _, first = self._own_frame(0)
        _, last = self._own_frame(TRACKED_FRAMES - 1)
        return DistractorView.place(last if last.any() else first, self.other.frame(0)[1])

    def _scene(self, number: int, image: Image, mask: Image, other: Image) -> Scene:
        if self.way == PAN:
            return _pan_away(image, mask, other, self._pan_share(number))
        if not TRACKED_FRAMES <= number < TRACKED_FRAMES + AWAY_FRAMES:
            return Scene(image, mask, 1.0)
        shown = cover_target(image, mask, other) if self.way == COVERED else other
        return Scene(shown, np.zeros_like(mask), 0.0)

    def _pan_share(self, number: int) -> float:
        """Return how far the camera is turned away: 0 not at all, ±1 fully left or right."""
        gone = number - TRACKED_FRAMES + 1
        back = number - (TRACKED_FRAMES + PAN_FRAMES + AWAY_FRAMES) + 1
        share = float(np.clip(gone / PAN_FRAMES, 0, 1) - np.clip(back / PAN_FRAMES, 0, 1))
        return share if self.start % 2 else -share


def make_disappearances(
    videos: Sequence[MaskedVideo],
    starts: int,
    stills_by_class: Mapping[str, Sequence[MaskedVideo]],
) -> list[DisappearanceSequence]:
    """Make a sequence for each video, each way and each of ``starts`` evenly spaced frames.

    What is shown instead of the target changes each time. A target without a distractor, among the
    other videos or in ``stills_by_class``, is left out of that way. Raises DataError for a single
    video.
    """
    sequences = []
    for place, video in enumerate(videos):
        for way_number, way in enumerate(WAYS):
            for number in range(starts):
                if way == DISTRACTOR:
                    other = choose_distractor(
                        videos, stills_by_class, place, place * starts + number
                    )
                else:
                    other = choose_other_video(videos, place, number + way_number)
                if other is not None:
                    start = number * len(video) // starts
                    sequences.append(DisappearanceSequence(video, other, way, start))
    return sequences


def _pan_away(image: Image, mask: Image, other: Image, share: float) -> Scene:
    """Return the view of a camera that turns by ``share`` of an image towards the other one."""
    width = mask.shape[1]
    moved = round(abs(share) * width)
    images, masks = (image, other), (mask, np.zeros_like(mask))
    if share < 0:
        images, masks, moved = images[::-1], masks[::-1], width - moved
    seen = np.ascontiguousarray(np.hstack(images)[:, moved : moved + width])
    kept = np.ascontiguousarray(np.hstack(masks)[:, moved : moved + width])
    whole = max(int(np.count_nonzero(mask)), 1)
    return Scene(seen, kept, int(np.count_nonzero(kept)) / whole)
