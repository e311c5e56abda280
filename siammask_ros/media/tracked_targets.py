"""Results of a session as they are drawn and written down."""

from __future__ import annotations

from collections.abc import Sequence

from siammask_ros.geometry.outlines import find_contours
from siammask_ros.media.drawing import VISIBLE_STATES, DrawnTarget, Image, draw_targets
from siammask_ros.session import SEARCH_ENDED, TrackedTarget


def to_drawn_target(target: TrackedTarget) -> DrawnTarget:
    """A target of a session as overlay images, rows and the page show it."""
    result = target.result
    mask = result.mask if result.status.name in VISIBLE_STATES else None
    return DrawnTarget(
        target_id=target.target_id,
        state=result.status.name,
        reason=result.reason,
        score=result.score,
        corners_xy=result.box.corners_xy,
        contours=find_contours(mask.binary, (mask.left, mask.top)) if mask else (),
        is_searched=not result.reason.endswith(SEARCH_ENDED),
    )


def draw_tracked_targets(image: Image, targets: Sequence[TrackedTarget], caption: str) -> Image:
    """A copy of ``image`` (H, W, 3) BGR with masks, boxes, ids, states and a caption."""
    return draw_targets(image, [to_drawn_target(target) for target in targets], caption)
