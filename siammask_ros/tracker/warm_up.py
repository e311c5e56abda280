"""The work that an engine and the libraries would otherwise do in the first frames."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.colours import COLOURS
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

# Engines prepare for these numbers of targets; those between them need nothing more.
COUNTS = (1, 2, 4, 8, 16)

_LOG = logging.getLogger(__name__)


def warm_up(tracker: Tracker, most_targets: int) -> None:
    """Follows up to so many targets through a made-up image, so that no frame is the first.

    Whatever the network sees there is taken for the targets, the first of which was lost: so the
    work of a tracked frame is done to its end, with mask, box and colours.

    On a GPU all numbers of targets are prepared, so that more targets may be allowed later without
    a frame that waits for its graph.

    Where memory is too short for all of them at once it ends, and says so: such a frame is
    answered in halves. Raises EngineError as ``Tracker.step``, also where one target is too much.
    """
    if tracker.engine.info.device.startswith("cuda"):
        most_targets = max(most_targets, COUNTS[-1])
    image = np.zeros((240, 320, 3), np.uint8)
    image[88:152, 128:192] = 255
    sure = Tracker(tracker.engine, _accepting(tracker.config))
    (state,) = sure.start(image, [RotatedBox(160.0, 120.0, 64.0, 64.0)])
    lost = replace(
        state,
        status=Status.LOST,
        frames_unseen=sure.config.lost_after_frames,
        colours=np.full(COLOURS, 1 / COLOURS, np.float32),
    )
    calm = replace(state, status=Status.TRACKING, shift=0.0)
    crowd = sure.config.multi_target_threshold
    for count in COUNTS:
        if count < 2 * most_targets:
            batches = [[lost, *[state] * (count - 1)]]
            # In a crowd one that hardly moves and one that does are searched in crops of two sizes.
            batches += [[calm] * count] if 0 < crowd <= count else []
            try:
                for states in batches:
                    sure.step(image, states)
                continue
            except EngineMemoryError as error:
                if count == 1:
                    raise
                _LOG.warning("%d targets are too much at once here: %s", count, error)
            # Outside of the handler, whose exception keeps tensors alive.
            tracker.engine.free_memory()
            return


def _accepting(config: TrackerConfig) -> TrackerConfig:
    """The same settings, but anything is a target and any pixel belongs to it."""
    return replace(
        config,
        tracking_score=0.0,
        lost_score=0.0,
        mask_threshold=0.0,
        min_mask_area_px=0.0,
        min_color_similarity=0.0,
        max_size_ratio=100.0,
        confirm_frames=1,
    )
