"""A video whose target is known to the pixel, wherever it comes from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class MaskedVideo(Protocol):
    """Frames of one target; the first one shows it."""

    name: str

    def __len__(self) -> int: ...

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image (H, W, 3) BGR and mask (H, W), non-zero on the target."""
        ...
