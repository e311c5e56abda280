"""The state of a target between frames, and its result on one frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import Template
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.color_histogram import ColorHistogram
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.masks import RegionMask


class Status(IntEnum):
    """The state of a track, with the numbers of Track.msg."""

    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3
    STALE = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where a lost target may be, and in how many frames in a row it was found there."""

    center_in_image: tuple[float, float]
    size: tuple[float, float]
    frames: int = 0

    @classmethod
    def from_box(cls, box: RotatedBox) -> Candidate:
        """A candidate that was not searched yet."""
        _, _, width, height = box.bounding_xywh
        return cls((box.x, box.y), (width, height))


@dataclass(frozen=True, slots=True)
class TargetState:
    """Everything that the tracker keeps of a target between frames; a value that never changes.

    ``size`` is the axis-aligned width and height in pixels, ``theta`` the angle of the last rotated
    box, ``fill_bgr`` the first image's mean colour, ``template`` what the engine computed from
    ``template_bgr`` (127, 127, 3). ``shift`` is how far the centre moved in the last frame, along x
    or y, in sides of the template's square; infinite before the first step.

    ``candidate`` is where a lost target is searched next; without one ``search_position`` decides.
    ``candidate_looks`` counts the ``frames_unseen`` on which a candidate was searched: the ring
    search does not count these. ``color_histogram`` is that of the first TRACKING frame's mask.
    """

    center_in_image: tuple[float, float]
    size: tuple[float, float]
    theta: float
    fill_bgr: NDArray[Any]
    template: Template
    template_bgr: NDArray[np.uint8]
    status: Status = Status.TRACKING
    reason: str = ""
    frames_unseen: int = 0
    shift: float = math.inf
    candidate: Candidate | None = None
    candidate_looks: int = 0
    color_histogram: ColorHistogram | None = None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target's result on one frame.

    ``box`` is the rotated box, ``box_xywh`` the axis-aligned one of the box head. ``mask`` is None
    if this frame does not show the target, and for networks without masks. ``outline`` (n, 2)
    int32 x, y is the outer contour of the mask's largest part and may be empty. ``score``, from 0
    to 1, is the IoU that the network expects of its mask, or the score head's output for a network
    that does not compute it.
    """

    status: Status
    reason: str
    score: float
    box: RotatedBox
    box_xywh: tuple[float, float, float, float]
    mask: RegionMask | None
    outline: NDArray[np.int32]


def decide_status(
    score: float, state: TargetState, config: TrackerConfig
) -> tuple[Status, str, int]:
    """Status, reason and ``frames_unseen`` after a frame with this score.

    Below ``tracking_score`` the target is UNCERTAIN. Below ``lost_score`` the frame also counts as
    unseen, and after ``lost_after_frames`` such frames in a row the target is LOST. A lost target
    is found again only at ``tracking_score``.
    """
    if score >= config.tracking_score:
        return Status.TRACKING, "", 0
    seen = score >= config.lost_score and state.status != Status.LOST
    unseen = 0 if seen else state.frames_unseen + 1
    reason = f"score {score:.2f} below {config.tracking_score:.2f}"
    if state.status == Status.LOST or unseen >= config.lost_after_frames:
        return Status.LOST, reason, unseen
    return Status.UNCERTAIN, reason, unseen
