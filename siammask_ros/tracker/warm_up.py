"""The work that engine and libraries would otherwise do in the first frames."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.crops import Image
from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.color_histogram import HISTOGRAM_BINS
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState
from siammask_ros.tracker.tracker import Tracker

# Engines prepare for these numbers of targets; those between them need nothing more.
COUNTS = (1, 2, 4, 8, 16)

# Small crops must save this share of a step; what is less may be chance.
_LEAST_SAVING = 0.1
_TIMED_ROUNDS = 5

_LOG = logging.getLogger(__name__)


def warm_up(
    tracker: Tracker, most_targets: int, clock: Callable[[], float] = time.perf_counter
) -> None:
    """Track up to this many targets in a synthetic image, so that the first real one is not slow.

    Every answer of the network is accepted as the target, and the first target is lost before. So
    the whole work of a step is done, with mask, box and colour histogram.

    On a GPU every number of targets is prepared, so that ``max_targets`` can be raised later
    without an image that waits for its CUDA graph. Small search crops are timed there, and used
    only if they make a step with many targets faster.

    It stops with a warning where memory does not suffice for all targets at once: such a frame is
    processed in two halves. Raises EngineError as ``Tracker.step``, also where memory does not
    suffice for one target.
    """
    is_gpu = tracker.engine.info.device.startswith("cuda")
    if is_gpu:
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
            # With many targets, stationary ones have smaller crops; these are prepared here.
            batches += [[stationary] * count] if 0 < threshold <= count else []
            try:
                for states in batches:
                    permissive.step(image, states)
                if is_gpu and count == _count_to_time(threshold):
                    _choose_search_size(
                        permissive, image, [state] * count, [stationary] * count, clock
                    )
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


def _count_to_time(threshold: int) -> int:
    """The first prepared number of targets that get small search crops; 0 where none do."""
    return next((count for count in COUNTS if 0 < threshold <= count), 0)


def _choose_search_size(
    tracker: Tracker,
    image: Image,
    moving: Sequence[TargetState],
    stationary: Sequence[TargetState],
    clock: Callable[[], float],
) -> None:
    """Gives the engine small search crops if they are faster; both sizes are timed in turns."""
    full = tracker.engine.variant
    small_px = get_variant(full.name).small_search_size
    small = replace(full, small_search_size=small_px)
    tracker.engine.variant = small
    try:
        # The first step prepares the size.
        tracker.step(image, stationary)
        best_s = [math.inf, math.inf]
        for _ in range(_TIMED_ROUNDS):
            for number, states in enumerate((moving, stationary)):
                began_s = clock()
                tracker.step(image, states)
                best_s[number] = min(best_s[number], clock() - began_s)
    finally:
        tracker.engine.variant = full
    full_s, small_s = best_s
    is_faster = small_s < (1 - _LEAST_SAVING) * full_s
    if is_faster:
        tracker.engine.variant = small
    _LOG.info(
        "a step with %d targets takes %.2f ms with search crops of %d px and %.2f ms with %d px; "
        "stationary targets get the %s ones",
        len(moving),
        full_s * 1e3,
        full.search_size,
        small_s * 1e3,
        small_px,
        "smaller" if is_faster else "larger",
    )


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
