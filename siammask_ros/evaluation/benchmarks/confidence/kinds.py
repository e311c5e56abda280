"""Mean J by kinds of objects: by class, and by how small, fast and deforming they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.confidence.tracked_states import (
    TrackedFrame,
    state_figures,
)
from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo
from siammask_ros.evaluation.benchmarks.object_classes import (
    GROUPS,
    class_of_video,
    group_of_class,
)
from siammask_ros.geometry.boxes import RotatedBox, mask_bounding_xywh

SMALL, FAST, DEFORMING, DISTRACTORS = "small", "fast", "deforming", "with distractors"
KINDS = (*GROUPS, SMALL, FAST, DEFORMING, DISTRACTORS)

# Medians over the frames of a video: the share of the image, the motion between two frames in
# sides of the box, and the IoU of two consecutive masks, both scaled to the same square.
SMALL_BELOW_SHARE = 0.02
FAST_FROM_SIDES = 0.1
DEFORMING_BELOW_IOU = 0.75

_SHAPE_PX = 64


@dataclass(frozen=True, slots=True)
class KindFigures:
    """How many videos are of a kind, and the means of J over them, with and without LOST."""

    kind: str
    videos: int
    mean_j: float
    mean_j_never_lost: float


def find_kinds(videos: Sequence[MaskedVideo]) -> dict[str, list[str]]:
    """Return the kinds of each video by its name."""
    names = [video.name.partition("/")[0] for video in videos]
    kinds = {}
    for video, name in zip(videos, names, strict=True):
        share, motion, shape_iou = _measure(video)
        kinds[video.name] = [
            group_of_class(class_of_video(video.name)),
            *([SMALL] if share < SMALL_BELOW_SHARE else []),
            *([FAST] if motion >= FAST_FROM_SIDES else []),
            *([DEFORMING] if shape_iou < DEFORMING_BELOW_IOU else []),
            *([DISTRACTORS] if names.count(name) > 1 else []),
        ]
    return kinds


def kind_figures(
    frames: Sequence[TrackedFrame], kinds_by_video: dict[str, list[str]]
) -> list[KindFigures]:
    """Return the figures of each kind that a video has."""
    rows = []
    for kind in KINDS:
        own = [frame for frame in frames if kind in kinds_by_video[frame.video]]
        if own:
            row = state_figures(own)
            count = len({frame.video for frame in own})
            rows.append(KindFigures(kind, count, row.mean_j, row.mean_j_never_lost))
    return rows


def kinds_table(rows: Sequence[KindFigures]) -> str:
    """Return the figures as text, one line for each kind."""
    lines = [f"{'':16}  {'videos':>6}  {'mean J':>6}  {'J, never LOST':>13}"]
    lines += [
        f"{row.kind:16}  {row.videos:6}  {row.mean_j:6.3f}  {row.mean_j_never_lost:13.3f}"
        for row in rows
    ]
    return "\n".join(lines)


def _measure(video: MaskedVideo) -> tuple[float, float, float]:
    """Return the medians of share, motion and shape IoU; frames without the target do not count."""
    shares: list[float] = []
    motions: list[float] = []
    overlaps: list[float] = []
    last: tuple[RotatedBox, NDArray[np.bool_]] | None = None
    for number in range(len(video)):
        _, mask = video.frame(number)
        if not mask.any():
            last = None
            continue
        box, shape = RotatedBox.from_xywh(mask_bounding_xywh(mask)), _shape(mask)
        shares.append(np.count_nonzero(mask) / mask.size)
        if last is not None:
            side = math.sqrt(box.width * box.height)
            motions.append(math.dist((box.x, box.y), (last[0].x, last[0].y)) / side)
            overlaps.append(np.count_nonzero(shape & last[1]) / np.count_nonzero(shape | last[1]))
        last = box, shape
    return (
        float(np.median(shares)),
        float(np.median(motions) if motions else 0.0),
        float(np.median(overlaps) if overlaps else 1.0),
    )


def _shape(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask inside its box, scaled to a square."""
    left, top, width, height = (int(value) for value in mask_bounding_xywh(mask))
    inside = (mask[top : top + height, left : left + width] > 0).astype(np.uint8)
    return np.asarray(cv2.resize(inside, (_SHAPE_PX, _SHAPE_PX)) > 0, np.bool_)
