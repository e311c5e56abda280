"""How large a crop each target is searched for in, where there are many of them.

On a CPU a search costs what its crop has of pixels. A target that is surely tracked and hardly
moves lies in the crop's middle, so that in a crowd only that is searched.
"""

from __future__ import annotations

from collections.abc import Sequence

from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState


def searched_as(
    variant: Variant, states: Sequence[TargetState], config: TrackerConfig
) -> list[Variant]:
    """The network as it is run for each target: on its full crop or on a crowd's smaller one."""
    if not config.multi_target_threshold or len(states) < config.multi_target_threshold:
        return [variant] * len(states)
    small = variant.searching(variant.crowd_search_size)
    return [small if is_calm(state, variant) else variant for state in states]


def is_calm(state: TargetState, variant: Variant) -> bool:
    """Whether a target that goes on as it did keeps its whole template's square in a small crop."""
    spare_px = (variant.crowd_search_size - variant.template_size) / 2
    shift_in_crop_px = state.shift * variant.template_size
    return state.status == Status.TRACKING and shift_in_crop_px <= spare_px
