"""The tracker as the authors' code has it: masks are warped over the whole image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.model.variants import Variant
from siammask_ros.tracker.masks import OUTSIDE, RegionMask, SearchSquare
from siammask_ros.tracker.tracker import Tracker


def paste_on_image(
    mask: NDArray[Any],
    square: SearchSquare,
    cell: tuple[int, int],
    image_size: tuple[int, int],
    variant: Variant,
    threshold: float,
) -> RegionMask:
    """A cell's mask (M, M) on the image, every pixel of which is computed.

    The same as ``tracker.masks.paste_mask``, but for cv2.warpAffine's weights in steps of 1/32, and
    with the whole image as its region.
    """
    height, width = image_size
    row, column = cell
    before = variant.base_size / 2
    left = square.left_in_image + (column - before) * variant.stride * square.scale
    top = square.top_in_image + (row - before) * variant.stride * square.scale
    values_per_px = variant.mask_size / (variant.mask_cover * square.scale)
    # The authors map an image's width to width − 1.
    grow_x = 1.0 if variant.exact_paste else width / (width - 1)
    grow_y = 1.0 if variant.exact_paste else height / (height - 1)
    image_to_mask = values_per_px * np.array([[grow_x, 0, -left], [0, grow_y, -top]])
    warped = cv2.warpAffine(
        np.ascontiguousarray(mask, np.float32),
        image_to_mask,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(OUTSIDE,) * 4,
    )
    values = np.asarray(warped, np.float32)
    return RegionMask(0, 0, values, (values > threshold).astype(np.uint8), image_size)


class ReferenceTracker(Tracker):
    """What the fast tracker is compared with, in speed and in what it says.

    Its engine is a ReferenceEngine where the authors' whole work is to be timed.
    """

    _paste = staticmethod(paste_on_image)
