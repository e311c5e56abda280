"""The work that an engine would otherwise do in the first frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

# Engines prepare for these numbers of targets; those between them need nothing more.
COUNTS = (1, 2, 4, 8, 16)


def warm_up(tracker: Tracker, most_targets: int) -> None:
    """Follows up to so many targets through an empty picture, so that no frame is the first."""
    picture = np.zeros((240, 320, 3), np.uint8)
    box = RotatedBox(160.0, 120.0, 64.0, 64.0)
    (state,) = tracker.start(picture, [box])
    calm = replace(state, status=Status.TRACKING, shift=0.0)
    crowd = tracker.config.crowd_targets
    for count in COUNTS:
        if count < 2 * most_targets:
            # In a crowd one that hardly moves and one that does are searched in crops of two sizes.
            for each in (state, calm) if 0 < crowd <= count else (state,):
                tracker.step(picture, [each] * count)
