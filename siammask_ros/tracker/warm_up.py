"""The work that an engine would otherwise do in the first frames."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

# Engines prepare for these numbers of targets; those between them need nothing more.
COUNTS = (1, 2, 4, 8, 16)

_LOG = logging.getLogger(__name__)


def warm_up(tracker: Tracker, most_targets: int) -> None:
    """Follows up to so many targets through an empty picture, so that no frame is the first.

    Where memory is too short for all of them at once it ends, and says so: such a frame is
    answered in halves. Raises EngineError as ``Tracker.step``, also where one target is too much.
    """
    picture = np.zeros((240, 320, 3), np.uint8)
    box = RotatedBox(160.0, 120.0, 64.0, 64.0)
    (state,) = tracker.start(picture, [box])
    calm = replace(state, status=Status.TRACKING, shift=0.0)
    crowd = tracker.config.crowd_targets
    for count in COUNTS:
        if count < 2 * most_targets:
            # In a crowd one that hardly moves and one that does are searched in crops of two sizes.
            kinds = (state, calm) if 0 < crowd <= count else (state,)
            try:
                for each in kinds:
                    tracker.step(picture, [each] * count)
                continue
            except EngineMemoryError as error:
                if count == 1:
                    raise
                _LOG.warning("%d targets are too much at once here: %s", count, error)
            # Outside of the handler, whose exception keeps tensors alive.
            tracker.engine.free_memory()
            return
