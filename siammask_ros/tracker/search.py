"""Where a lost target is looked for: a walk of windows that widens from where it was last seen.

One window a frame, so that a lost target costs what a followed one does. The first looks are at the
last place, where most targets reappear, and two of three later on. The others go round it in ever
wider rings until they have been all over the picture, and then begin anew.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.crops import context_side
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState

# So many looks come before the first that leaves the last place, and then one of so many leaves it.
_STAY = 15
_WALK_EVERY = 3
# Neighbouring windows are so many of their sides apart: a target between two is in reach of both.
_STEP = 0.6
# So many steps from its middle a window still shows enough.
_REACH = 0.6


def is_searching(state: TargetState, config: TrackerConfig) -> bool:
    """Whether the target may be anywhere; one that a single frame spoilt is still where it was."""
    return state.status == Status.LOST and state.frames_unseen >= config.lost_after_frames


def is_walking(state: TargetState, config: TrackerConfig) -> bool:
    """Whether the next look is away from the last place, and at nothing that was found there."""
    look = _look(state, config)
    is_away = look >= 0 and look % _WALK_EVERY == 0
    return is_away and state.candidate is None and is_searching(state, config)


def aimed(
    state: TargetState, config: TrackerConfig, variant: Variant, picture_size: tuple[int, int]
) -> TargetState:
    """The state with its search where to look next in a picture of (height, width)."""
    if not is_searching(state, config):
        return state
    if state.candidate is not None:
        candidate = state.candidate
        return replace(state, center_in_image=candidate.center_in_image, size=candidate.size)
    if not is_walking(state, config):
        return state
    side = context_side(*state.size) * variant.search_size / variant.template_size
    centers = ring_centers(state.center_in_image, _STEP * side, picture_size)
    x, y = centers[_look(state, config) // _WALK_EVERY % len(centers)]
    return replace(state, center_in_image=(float(x), float(y)))


def _look(state: TargetState, config: TrackerConfig) -> int:
    return state.frames_unseen - state.candidate_looks - config.lost_after_frames - _STAY


def ring_centers(
    home_in_image: tuple[float, float], step_px: float, picture_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Window centres (n, 2) x, y all over the picture but at home: ring by ring, clockwise.

    A ring's outermost windows stay in the picture. Home alone where there is no other.
    """
    height, width = picture_size
    columns, xs = _axis(home_in_image[0], step_px, width)
    rows, ys = _axis(home_in_image[1], step_px, height)
    column, row = (part.ravel() for part in np.meshgrid(columns, rows))
    x, y = (part.ravel() for part in np.meshgrid(xs, ys))
    ring = np.maximum(np.abs(column), np.abs(row))
    order = np.lexsort((np.arctan2(row, column), ring))
    order = order[1:] if len(order) > 1 else order
    return np.stack([x[order], y[order]], axis=1)


def _axis(home: float, step_px: float, limit: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Numbers of the windows along an axis, 0 at home, and where their middles are."""
    before, after = (math.ceil(max(room / step_px - _REACH, 0)) for room in (home, limit - home))
    numbers = np.arange(-before, after + 1)
    return numbers, np.clip(home + step_px * numbers, 0, limit)
