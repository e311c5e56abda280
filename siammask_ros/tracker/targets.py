"""What is known of a target between frames, and what is said of it after one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import Template
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.colours import Colours
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.masks import RegionMask


class Status(IntEnum):
    """How far a target's box can be trusted; the numbers are those of Track.msg."""

    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3
    STALE = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a lost target: where it is, and on how many frames in a row it passed for it."""

    center_in_image: tuple[float, float]
    size: tuple[float, float]
    frames: int = 0

    @classmethod
    def at(cls, box: RotatedBox) -> Candidate:
        """One that nobody has looked at yet."""
        _, _, width, height = box.bounding_xywh
        return cls((box.x, box.y), (width, height))


@dataclass(frozen=True, slots=True)
class TargetState:
    """All that a tracker remembers of a target: a value, never changed in place.

    ``size`` is the axis-aligned width and height in pixels that the search follows, ``theta``
    the last rotated box's angle, ``fill_bgr`` the first frame's mean colour. ``template`` is
    what the engine made of ``template_bgr`` (127, 127, 3). ``shift`` is how far the centre moved
    in the last frame, across or down, in sides of the template's square; infinite until there
    was one.
    ``candidate`` is what a lost target is looked for at next; without one the search goes its way
    (``search``). ``candidate_looks`` is on how many of the ``frames_unseen`` a candidate was looked
    at: these do not count for the search's way. ``colours`` are those under the first mask of a
    frame that was TRACKING.
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
    colours: Colours | None = None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What one frame told of one target.

    ``box`` is the rotated box; ``box_xywh`` the axis-aligned one that the search follows.
    ``mask`` is None while LOST and for networks without masks; ``outline`` (n, 2) int32 x, y is
    the mask's largest part and may be empty. ``score``, from 0 to 1, is the IoU that the network
    thinks its mask has, or the score head's where it does not tell.
    """

    status: Status
    reason: str
    score: float
    box: RotatedBox
    box_xywh: tuple[float, float, float, float]
    mask: RegionMask | None
    outline: NDArray[np.int32]


def judge(score: float, state: TargetState, config: TrackerConfig) -> tuple[Status, str, int]:
    """Status, reason and frames unseen after a frame with this score.

    A lost target is taken back only at ``tracking_score``; one frame below ``lost_score`` makes
    it uncertain, ``lost_after_frames`` in a row lost.
    """
    if score >= config.tracking_score:
        return Status.TRACKING, "", 0
    seen = score >= config.lost_score and state.status != Status.LOST
    unseen = 0 if seen else state.frames_unseen + 1
    reason = f"score {score:.2f} below {config.tracking_score:.2f}"
    if state.status == Status.LOST or unseen >= config.lost_after_frames:
        return Status.LOST, reason, unseen
    return Status.UNCERTAIN, reason, unseen
