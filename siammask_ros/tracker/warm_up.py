"""The work that engine and libraries would otherwise do in the first frames."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.color_histogram import HISTOGRAM_BINS
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

# Engines prepare for these numbers of targets; those between them need nothing more.
COUNTS = (1, 2, 4, 8, 16)

_LOG = logging.getLogger(__name__)


def warm_up(tracker: Tracker, most_targets: int) -> None:
    """Track up to this many targets in a synthetic image, so that the first real one is not slow.

    Every answer of the network is accepted as the target, and the first target is lost before. So
    the whole work of a step is done, with mask, box and colour histogram.

    On a GPU every number of targets is prepared, so that ``max_targets`` can be raised later
    without an image that waits for its CUDA graph.

    It stops with a warning where memory does not suffice for all targets at once: such a frame is
    processed in two halves. Raises EngineError as ``Tracker.step``, also where memory does not
    suffice for one target.
    """
    if tracker.engine.info.device.startswith("cuda"):
        most_targets = max(most_targets, COUNTS[-1])
    image = np.zeros((240, 320, 3), np.uint8)
    image[88:152, 128:192] = 255
    permissive = Tracker(tracker.engine, _accept_everything(tracker.config))
    (state,) = permissive.start(image, [RotatedBox(160.0, 120.0, 64.0, 64.0)])
    lost = replace(
        state,
        status=Status.LOST,
        frames_unseen=permissive.config.lost_after_frames,
        color_histogram=np.full(HISTOGRAM_BINS, 1 / HISTOGRAM_BINS, np.float32),
    )
    stationary = replace(state, status=Status.TRACKING, shift=0.0)
    threshold = permissive.config.multi_target_threshold
    for count in COUNTS:
        if count < 2 * most_targets:
            batches = [[lost, *[state] * (count - 1)]]
            # With many targets stationary ones have smaller crops, which are prepared apart.
            batches += [[stationary] * count] if 0 < threshold <= count else []
            try:
                for states in batches:
                    permissive.step(image, states)
                continue
            except EngineMemoryError as error:
                if count == 1:
                    raise
                _LOG.warning(
                    "not enough memory for %d targets at once; such frames take two steps: %s",
                    count,
                    error,
                )
            # Outside of the handler, whose exception keeps tensors alive.
            tracker.engine.free_memory()
            return


def _accept_everything(config: TrackerConfig) -> TrackerConfig:
    """The same configuration, but everything is a target and every pixel belongs to it."""
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
