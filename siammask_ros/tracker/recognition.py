"""Whether what was found while a target is lost is that target: "lost" before "wrong".

The score has said yes already. It is not enough: it is asked again and again, all over the
picture, and has to be wrong only once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Candidate, TargetState


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: where, and how like the target's first ones its colours are, 0 to 1."""

    center_in_image: tuple[float, float]
    size: tuple[float, float]
    likeness: float


def taken_back(
    state: TargetState, found: Look, config: TrackerConfig
) -> tuple[Candidate | None, str]:
    """What to look at next of a lost target, and why it is still lost; no reason: it is back."""
    doubt = _doubt(state, found, config)
    if doubt:
        return None, f"found something, but {doubt}"
    frames = 1 + (state.candidate.frames if state.candidate else 0)
    if frames < config.confirm_frames:
        candidate = Candidate(found.center_in_image, found.size, frames)
        return candidate, f"found on {frames} of {config.confirm_frames} frames that it takes"
    return None, ""


def _doubt(state: TargetState, found: Look, config: TrackerConfig) -> str:
    # Written so that a number that is none is a doubt, too.
    if not found.likeness >= config.min_color_similarity:
        floor = config.min_color_similarity
        return f"its colours are alike by {found.likeness:.2f}, below {floor:.2f}"
    resize = math.sqrt(math.prod(found.size) / math.prod(state.size))
    if not max(resize, 1 / resize) <= config.max_size_ratio:
        return f"it is {resize:.1f} times as large as the target was"
    return ""
