"""Whether an object found while a target is lost is that target: "lost" is better than "wrong".

The score alone is not enough: it is computed in every image, all over the image, and one wrong high
score would end LOST with the wrong object. So colours, size and several images in a row must agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Candidate, TargetState


@dataclass(frozen=True, slots=True)
class Match:
    """An object that may be the lost target, and its colour similarity to the target, 0 to 1."""

    center_in_image: tuple[float, float]
    size: tuple[float, float]
    similarity: float


def accept_candidate(
    state: TargetState, match: Match, config: TrackerConfig
) -> tuple[Candidate | None, str]:
    """The candidate to confirm in the next image, and why the target is still lost.

    The reason is empty where the match is accepted as the target.
    """
    reason = _reason_to_reject(state, match, config)
    if reason:
        return None, f"candidate rejected: {reason}"
    frames = 1 + (state.candidate.frames if state.candidate else 0)
    if frames < config.confirm_frames:
        candidate = Candidate(match.center_in_image, match.size, frames)
        return candidate, f"candidate found in {frames} of {config.confirm_frames} images in a row"
    return None, ""


def _reason_to_reject(state: TargetState, match: Match, config: TrackerConfig) -> str:
    # The comparisons are negated so that NaN is rejected, too.
    if not match.similarity >= config.min_color_similarity:
        return f"colour similarity {match.similarity:.2f} < {config.min_color_similarity:.2f}"
    ratio = math.sqrt(math.prod(match.size) / math.prod(state.size))
    if not max(ratio, 1 / ratio) <= config.max_size_ratio:
        return f"{ratio:.1f} times the target's size; allowed: {config.max_size_ratio:g} times"
    return ""
