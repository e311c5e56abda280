"""The size of each target's search crop when many targets are tracked.

On a CPU a search costs in proportion to the pixels of its crop. A stationary target lies in the
middle of the crop, so with many targets only the middle is searched for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState


def select_variants(
    variant: Variant, states: Sequence[TargetState], config: TrackerConfig
) -> list[Variant]:
    """The network for each target: at its full crop size, or at the smaller one."""
    if not config.multi_target_threshold or len(states) < config.multi_target_threshold:
        return [variant] * len(states)
    small = variant.with_search_size(variant.small_search_size)
    return [small if is_stationary(state, variant) else variant for state in states]


def is_stationary(state: TargetState, variant: Variant) -> bool:
    """Whether a target that moves on as before stays, with its context, inside the small crop."""
    spare_px = (variant.small_search_size - variant.template_size) / 2
    shift_in_crop_px = state.shift * variant.template_size
    return state.status == Status.TRACKING and shift_in_crop_px <= spare_px
