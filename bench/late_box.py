"""What catching up is worth: a box that is half a second old, on real videos, with real weights.

    python bench/late_box.py $SIAMMASK_DATA/eval/davis2016

Every fourth frame of each sequence gives its true box half a second late, where the target has
moved so far that its box overlaps with the old one by less than 0.5. The session is told once on
which frame the box was drawn, and once not, so that it takes the newest. Printed is the overlap of
the mask on the next frame with the true one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence, davis_sequences
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.evaluation.metrics.overlap import box_overlap, region_similarity
from siammask_ros.geometry.boxes import mask_bounding_xywh
from siammask_ros.session import Frame, FrameResult, Session, Tracker
from siammask_ros.tracker.config import find_preset

FRAMES_LATE = 12  # DAVIS has 24 frames a second.
PERIOD_NS = 10**9 // 24
EVERY = 4
MOVED_BELOW_IOU = 0.5
FIRST_NS = 10**12


def late_iou(tracker: Tracker, sequence: DavisSequence, first: int, says_when: bool) -> float:
    """The overlap on the frame after the box came, drawn on frame ``first``."""
    results: list[FrameResult] = []
    session = Session(tracker, results.append)
    box = start_box_of_mask(sequence.labels(first) > 0)
    last = first + FRAMES_LATE
    for number in range(first, last + 1):
        hand_in(session, results, sequence, number)
    session.start_target(box, "1", stamp_of(first) if says_when else 0)
    until_s = time.monotonic() + 60
    while not session.health().statuses and time.monotonic() < until_s:
        time.sleep(0.002)
    hand_in(session, results, sequence, last + 1)
    session.stop()
    (target,) = results[-1].targets
    truth = sequence.labels(last + 1)
    mask = target.result.mask
    return region_similarity(mask.to_image_mask() if mask else np.zeros_like(truth), truth)


def has_moved(sequence: DavisSequence, first: int) -> bool:
    """Whether the old box is not where the target is any more."""
    masks = [sequence.labels(number) > 0 for number in (first, first + FRAMES_LATE)]
    if not all(mask.any() for mask in masks):
        return False
    old, new = (mask_bounding_xywh(mask) for mask in masks)
    return box_overlap(old, new) < MOVED_BELOW_IOU


def stamp_of(number: int) -> int:
    """Return the stamp of a frame in nanoseconds."""
    return FIRST_NS + number * PERIOD_NS


def hand_in(
    session: Session, results: list[FrameResult], sequence: DavisSequence, number: int
) -> None:
    """Hands in a frame and waits for its answer; it arrives when its stamp says, without delay."""
    before = len(results)
    arrived_s = stamp_of(number) / 1e9
    session.submit(Frame(sequence.image(number), stamp_of(number), arrived_s))
    until_s = time.monotonic() + 60
    while len(results) == before and time.monotonic() < until_s:
        time.sleep(0.002)


def main(root: Path) -> None:
    """Print the mean overlap of every sequence, drawn when told and now."""
    tracker = Tracker(open_engine(EngineConfig(model="lite")), find_preset("lite"))
    print(f"{'sequence':16}  boxes  drawn when told  drawn now")
    means: list[NDArray[np.float64]] = []
    for sequence in davis_sequences(root, 2016):
        starts = range(0, len(sequence.image_paths) - FRAMES_LATE - 1, EVERY)
        rows = [
            [late_iou(tracker, sequence, first, says_when) for says_when in (True, False)]
            for first in starts
            if has_moved(sequence, first)
        ]
        if not rows:
            print(f"{sequence.name:16}  {0:5}")
            continue
        means += [np.array(row) for row in rows]
        told, untold = np.mean(rows, axis=0)
        print(f"{sequence.name:16}  {len(rows):5}  {told:15.3f}  {untold:9.3f}", flush=True)
    told, untold = np.mean(means, axis=0)
    print(f"{'all':16}  {len(means):5}  {told:15.3f}  {untold:9.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
