"""Can the state be trusted? What a tracker says while its target is away, and once it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from siammask_ros.evaluation.benchmarks.davis.measuring import region_similarity, start_box
from siammask_ros.evaluation.benchmarks.disappearance.sequences import (
    FOLLOWED_FRAMES,
    Scene,
    Vanishing,
)
from siammask_ros.tracker.targets import Status, TargetResult
from siammask_ros.tracker.tracker import Tracker

# A target is to be called LOST within so many frames, until which a claim is only late.
LOST_WITHIN_FRAMES = 10
RIGHT_FROM_IOU = 0.5
WRONG_BELOW_IOU = 0.1


@dataclass(frozen=True, slots=True)
class Claim:
    """What was said on one frame: the state, and the overlap of its mask with the true one.

    ``shown`` is the share of the target that the frame shows.
    """

    status: Status
    iou: float
    shown: float

    @property
    def is_right(self) -> bool:
        """Whether the target is said to be tracked, and it is."""
        return self.status == Status.TRACKING and self.iou >= RIGHT_FROM_IOU

    @property
    def is_wrong(self) -> bool:
        """Whether something else is said to be the target; a sliver of it counts for neither."""
        is_judged = self.shown in (0.0, 1.0)
        return is_judged and self.status == Status.TRACKING and self.iou < WRONG_BELOW_IOU


@dataclass(frozen=True, slots=True)
class Disappearance:
    """The claims on one vanishing, in three parts: before it, while it is away, once it is back."""

    video: str
    way: str
    start: int
    before: tuple[Claim, ...]
    away: tuple[Claim, ...]
    back: tuple[Claim, ...]

    @property
    def is_followed(self) -> bool:
        """Whether the target was followed until it went: else nothing can be learned from it."""
        last = self.before[-1]
        return last.status < Status.LOST and last.iou >= WRONG_BELOW_IOU

    @property
    def lost_after(self) -> int | None:
        """Frames until LOST was said, 1 for the first without the target; None for never."""
        return _first(claim.status == Status.LOST for claim in self.away)

    @property
    def back_after(self) -> int | None:
        """Frames until it was tracked again, 1 for the first that shows all of it; or None."""
        return _first(claim.is_right for claim in self.back)

    @property
    def is_lost_in_time(self) -> bool:
        """Whether LOST was said soon enough."""
        return self.lost_after is not None and self.lost_after <= LOST_WITHIN_FRAMES

    @property
    def is_wrong(self) -> bool:
        """Whether something else was said to be the target, on any frame that counts."""
        return any(claim.is_wrong for claim in (*self.away[LOST_WITHIN_FRAMES:], *self.back))


def watch(
    tracker: Tracker, vanishing: Vanishing, on_frame: Callable[[], object] = lambda: None
) -> Disappearance:
    """Follows the target of a vanishing; ``on_frame`` is called after every picture.

    Raises BoxError where the first picture does not show it.
    """
    scenes = vanishing.scenes()
    first = next(scenes)
    states = tracker.start(first.picture, [start_box(first.mask > 0)])
    on_frame()
    claims = []
    for scene in scenes:
        (result,), states = tracker.step(scene.picture, states)
        claims.append(_claim(result, scene))
        on_frame()
    return _in_parts(vanishing, claims)


def _claim(result: TargetResult, scene: Scene) -> Claim:
    seen = result.mask.on_picture() if result.mask else np.zeros(scene.mask.shape, np.uint8)
    # Two empty masks agree, but to say so of nothing is no overlap with the target.
    iou = region_similarity(seen, scene.mask) if scene.mask.any() else 0.0
    return Claim(result.status, iou, scene.shown)


def _in_parts(vanishing: Vanishing, claims: Sequence[Claim]) -> Disappearance:
    before = tuple(claims[: FOLLOWED_FRAMES - 1])
    away = tuple(claim for claim in claims if claim.shown == 0)
    last_away = max(place for place, claim in enumerate(claims) if claim.shown == 0)
    back = tuple(claim for claim in claims[last_away + 1 :] if claim.shown == 1)
    return Disappearance(vanishing.video.name, vanishing.way, vanishing.start, before, away, back)


def _first(told: Iterable[bool]) -> int | None:
    return next((number for number, is_so in enumerate(told, start=1) if is_so), None)
