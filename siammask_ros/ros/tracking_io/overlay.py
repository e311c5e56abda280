"""Draws the targets on the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.drawing import DrawnTarget, draw_targets
from siammask_ros.session import FrameResult, TrackedTarget


def draw_overlay(answer: FrameResult, age_ms: float) -> NDArray[np.uint8]:
    """Return a copy of the image with masks, boxes, ids, states and the age of the result."""
    targets = [_drawn(target) for target in answer.targets]
    return draw_targets(answer.frame.image, targets, f"{age_ms:.0f} ms")


def _drawn(target: TrackedTarget) -> DrawnTarget:
    result = target.result
    region = result.mask
    return DrawnTarget(
        target_id=target.target_id,
        state=result.status.name,
        score=result.score,
        corners_xy=result.box.corners_xy,
        outline=result.outline,
        mask=region.binary if region is not None else None,
        mask_left_top=(region.left, region.top) if region is not None else (0, 0),
    )
