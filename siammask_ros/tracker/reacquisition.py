"""Where a lost target is searched: an expanding ring search around its last position.

Each image costs one search, as much as for a tracked target. The first 15 searches are at the last
position, where most targets reappear; after that two of three are. The others visit windows around
it, ring by ring, until they have covered the image, and then start again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.crops import context_side
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState

_SEARCHES_BEFORE_SCAN = 15
_SCAN_EVERY = 3
# Distance of neighbouring windows in window sides: a target between two lies inside both.
_WINDOW_STEP = 0.6
# A target that is up to this many steps from a window's centre is found in it.
_WINDOW_REACH = 0.6


def is_reacquiring(state: TargetState, config: TrackerConfig) -> bool:
    """Whether the target is lost and can be anywhere; after one bad image it is still nearby."""
    return state.status == Status.LOST and state.frames_unseen >= config.lost_after_frames


def is_scanning(state: TargetState, config: TrackerConfig) -> bool:
    """Whether the next search is in a window away from the last position, without a candidate."""
    scans = _searches_since_scan_start(state, config)
    is_away = scans >= 0 and scans % _SCAN_EVERY == 0
    return is_away and state.candidate is None and is_reacquiring(state, config)


def search_position(
    state: TargetState, config: TrackerConfig, variant: Variant, image_size: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centre and expected size of the target's next search in an image of (height, width).

    This is the only place that decides where to search: at the target's last position, at a
    candidate, or in a window of the ring search.
    """
    if state.candidate is not None and is_reacquiring(state, config):
        return state.candidate.center_in_image, state.candidate.size
    if not is_scanning(state, config):
        return state.center_in_image, state.size
    side = context_side(*state.size) * variant.search_size / variant.template_size
    centers = ring_centers(state.center_in_image, _WINDOW_STEP * side, image_size)
    x, y = centers[_searches_since_scan_start(state, config) // _SCAN_EVERY % len(centers)]
    return (float(x), float(y)), state.size


def _searches_since_scan_start(state: TargetState, config: TrackerConfig) -> int:
    searches = state.frames_unseen - state.candidate_looks - config.lost_after_frames
    return searches - _SEARCHES_BEFORE_SCAN


def ring_centers(
    start_in_image: tuple[float, float], step_px: float, image_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Window centres (n, 2) x, y that cover the image, without the start: ring by ring, clockwise.

    Centres beyond the image's border are moved onto it. Only the start where there is no other.
    """
    height, width = image_size
    columns, xs = _axis(start_in_image[0], step_px, width)
    rows, ys = _axis(start_in_image[1], step_px, height)
    column, row = (part.ravel() for part in np.meshgrid(columns, rows))
    x, y = (part.ravel() for part in np.meshgrid(xs, ys))
    ring = np.maximum(np.abs(column), np.abs(row))
    order = np.lexsort((np.arctan2(row, column), ring))
    order = order[1:] if len(order) > 1 else order
    return np.stack([x[order], y[order]], axis=1)


def _axis(start: float, step_px: float, limit: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Window numbers along one axis, 0 at the start, and the coordinates of their centres."""
    before, after = (
        math.ceil(max(room / step_px - _WINDOW_REACH, 0)) for room in (start, limit - start)
    )
    numbers = np.arange(-before, after + 1)
    return numbers, np.clip(start + step_px * numbers, 0, limit)
