"""What the engines' tests ask their engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from siammask_ros.engines.base import Crops
from siammask_ros.model.variants import VARIANTS

LITE = VARIANTS["lite"]
# The small backbone under the heads that only the paper's network has otherwise.
_UNREFINED = replace(LITE, has_refinement=False, has_matching=False)
NETWORKS = {
    "refined": LITE,
    "coarse": replace(_UNREFINED, mask_size=63, mask_cover=127, has_coarse_mask=True),
    "box only": replace(_UNREFINED, mask_size=0, mask_cover=0),
}


def crops(items: int, side: int, seed: int = 0) -> Crops:
    """Pictures (items, side, side, 3) of blocks of colour."""
    rng = np.random.default_rng((seed, side))
    coarse = rng.integers(0, 256, (items, side // 16 + 1, side // 16 + 1, 3), np.uint8)
    whole = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return np.ascontiguousarray(whole[:, :side, :side])
