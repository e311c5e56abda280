"""The choice for one target alone."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.scoring import AnchorField, Choice
from siammask_ros.tracker.scoring import choose as choose_for_all


def choose(
    score: NDArray[Any],
    box: NDArray[Any],
    size_in_crop: tuple[float, float],
    field: AnchorField,
    config: TrackerConfig,
) -> Choice | None:
    """As ``scoring.choose``, for a frame with one target."""
    (choice,) = choose_for_all([score], [box], [size_in_crop], [field], [config])
    return choice
