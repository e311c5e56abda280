"""A video whose target is known to the pixel, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError


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
