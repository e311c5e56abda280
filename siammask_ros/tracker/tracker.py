"""SiamMask's online tracking (paper, section 3.2): crop, search, choose, refine, paste.

State is a value: ``states = tracker.start(image, boxes)``, then
``results, states = tracker.step(image, states)`` for every frame. Several targets share one
batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import Aims, Engine
from siammask_ros.geometry.boxes import RotatedBox, checked_init_box
from siammask_ros.geometry.crops import Image, context_side, crop_square, mean_bgr
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.box_fit import fitted_box
from siammask_ros.tracker.colours import colours_of, likeness
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.crowd import searched_as
from siammask_ros.tracker.masks import RegionMask, SearchSquare, largest_outline, paste
from siammask_ros.tracker.recognition import Look, taken_back
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.scoring import AnchorField, Choice, choose
from siammask_ros.tracker.search import aimed, is_searching, is_walking
from siammask_ros.tracker.targets import Candidate, Status, TargetResult, TargetState, judge
from siammask_ros.tracker.threads import threaded_map

MIN_SIZE_PX = 10.0
_NO_OUTLINE: NDArray[np.int32] = np.zeros((0, 2), np.int32)


@dataclass(slots=True)
class StageClock:
    """Milliseconds that each stage of a step took: crop, network, select, mask."""

    clock: Callable[[], float] = time.perf_counter
    stages_ms: dict[str, float] = field(default_factory=dict)
    _last: float = field(default=0.0)

    def start(self) -> None:
        """Begins a lap."""
        self._last = self.clock()

    def lap(self, stage: str) -> None:
        """Adds the time since the last call to ``stage``."""
        now = self.clock()
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now


class Tracker:
    """Follows targets with one engine; holds settings, no state."""

    _paste = staticmethod(paste)

    def __init__(self, engine: Engine, config: TrackerConfig) -> None:
        self.engine = engine
        self.config = config
        # Away from where the target was, no place is likelier than another.
        self._walking = replace(config, window_influence=0.0)

    def start(self, image: Image, boxes: Sequence[RotatedBox]) -> list[TargetState]:
        """States of the targets in these boxes of an image (H, W, 3) uint8 BGR.

        A rotated box is followed by the axis-aligned box of its area and centre. Raises BoxError
        as ``checked_init_box`` does; then no target is started.
        """
        if not boxes:
            return []
        height, width = image.shape[:2]
        checked = [checked_init_box(box, width, height) for box in boxes]
        fill = mean_bgr(image)
        seeds = [_seed(box) for box in checked]
        size_px = self.engine.variant.template_size
        crops = [
            crop_square(image, center, round(context_side(*size)), size_px, fill)
            for center, size in seeds
        ]
        templates = self.engine.template(np.stack(crops))
        return [
            TargetState(center, size, box.theta, fill, template, crop)
            for (center, size), box, template, crop in zip(
                seeds, checked, templates, crops, strict=True
            )
        ]

    def saved(self, state: TargetState) -> SavedTarget:
        """What to keep of a target in order to resume it in another run."""
        box = RotatedBox(*state.center_in_image, *state.size, state.theta)
        sha256 = self.engine.info.sha256
        return SavedTarget(state.template_bgr, state.fill_bgr, box, sha256, state.colours)

    def resume(self, saved: SavedTarget, image: Image) -> TargetState:
        """The state of a saved target: LOST, and to be looked for where it was last.

        It is taken up only by what takes up any lost target. Raises DataError where it was saved
        with other weights.
        """
        saved.check_fits(self.engine)
        (template,) = self.engine.template(saved.template_bgr[None])
        box = saved.box
        center, size = _clamped((box.x, box.y), (box.width, box.height), image)
        return TargetState(
            center_in_image=center,
            size=size,
            theta=box.theta,
            fill_bgr=saved.fill_bgr,
            template=template,
            template_bgr=saved.template_bgr,
            status=Status.LOST,
            reason="loaded; looking for it",
            frames_unseen=self.config.lost_after_frames,
            colours=saved.colours,
        )

    def step(
        self, image: Image, states: Sequence[TargetState], clock: StageClock | None = None
    ) -> tuple[list[TargetResult], list[TargetState]]:
        """Where the targets are in the next image: a result and a new state for each.

        ``clock``, where given, gets the stages' times. Raises EngineError where the inference
        failed; the states passed in stay valid.
        """
        if not states:
            return [], []
        clock = clock or StageClock()
        variant = self.engine.variant
        clock.start()
        aims = [aimed(state, self.config, variant, image.shape[:2]) for state in states]
        seen_as = searched_as(variant, states, self.config)
        sides = [context_side(*aim.size) for aim in aims]
        squares = [
            round(side * each.search_size / each.template_size)
            for side, each in zip(sides, seen_as, strict=True)
        ]
        crops = threaded_map(
            lambda part: crop_square(image, *part),
            [
                (aim.center_in_image, square, each.search_size, aim.fill_bgr)
                for aim, square, each in zip(aims, squares, seen_as, strict=True)
            ],
        )
        clock.lap("crop")
        scales = [variant.template_size / side for side in sides]
        sizes = [_scaled(aim.size, scale) for aim, scale in zip(aims, scales, strict=True)]
        configs = [
            self._walking if is_walking(state, self.config) else self.config for state in states
        ]
        templates = [state.template for state in states]
        response = self.engine.search(templates, crops, self._aims(sizes, configs))
        clock.lap("network")
        fields = [AnchorField.of(each) for each in seen_as]
        choices = choose(response.score, response.box, sizes, fields, configs)
        clock.lap("select")
        masks: Sequence[NDArray[np.float32] | None] = [None] * len(states)
        qualities: Sequence[float | None] = [None] * len(states)
        if variant.has_mask:
            # Where nothing can be chosen any mask will do: it is not used.
            rows = np.array([choice.row if choice else 0 for choice in choices])
            columns = np.array([choice.column if choice else 0 for choice in choices])
            refined = self.engine.refine(response, rows, columns)
            masks = list(refined.values)
            if refined.quality is not None:
                qualities = refined.quality.tolist()
            clock.lap("network")
        # Not in threads: most of it holds Python's lock.
        pairs = [
            self._finish(image, *parts)
            for parts in zip(
                states, aims, choices, masks, qualities, scales, squares, seen_as, strict=True
            )
        ]
        clock.lap("mask")
        return [result for result, _ in pairs], [state for _, state in pairs]

    def _aims(
        self, sizes_in_crop: Sequence[tuple[float, float]], configs: Sequence[TrackerConfig]
    ) -> Aims:
        influences = np.array([config.window_influence for config in configs])
        sizes = np.array(sizes_in_crop)
        anchors = AnchorField.of(self.engine.variant)
        return Aims(sizes, anchors.sizes, self.config.penalty_k, influences)

    def _finish(
        self,
        image: Image,
        state: TargetState,
        aim: TargetState,
        choice: Choice | None,
        mask: NDArray[np.float32] | None,
        quality: float | None,
        scale: float,
        square_px: int,
        variant: Variant,
    ) -> tuple[TargetResult, TargetState]:
        """One target's result and next state from what the network said."""
        if choice is None or not _is_finite(mask, quality):
            return _unseen(state, Status.LOST, "non-finite network output", float("nan"))
        # A network that tells how good its mask is knows better than its score where it fails.
        score = choice.score if quality is None else quality
        status, reason, unseen = judge(score, state, self.config)
        if unseen:
            return _unseen(state, status, reason, score)
        center, size = self._moved(aim, choice, scale)
        region = self._region(image, aim, choice, mask, square_px, variant)
        if is_searching(state, self.config):
            found = Look(center, size, _likeness(state, image, region))
            candidate, doubt = taken_back(state, found, self.config)
            if doubt:
                return _unseen(state, Status.LOST, doubt, score, candidate)
        box = RotatedBox(*center, *size).continued_from(state.theta)
        outline = _NO_OUTLINE
        colours = state.colours
        if region is not None:
            outline, area = largest_outline(region)
            if area > self.config.min_mask_area_px:
                box = fitted_box(self.config.box_strategy, region, outline, state.theta)
                if colours is None and status == Status.TRACKING:
                    colours = colours_of(image, region)
            else:
                reason = reason or "mask is empty or too small; box from the box head"
        # Only now, after the mask: the authors' order, on which their numbers depend.
        center, size = _clamped(center, size, image)
        after = replace(
            state,
            center_in_image=center,
            size=size,
            theta=box.theta,
            status=status,
            reason=reason,
            frames_unseen=0,
            shift=_shift(state, center),
            candidate=None,
            candidate_looks=0,
            colours=colours,
        )
        xywh = (center[0] - size[0] / 2, center[1] - size[1] / 2, size[0], size[1])
        return TargetResult(status, reason, score, box, xywh, region, outline), after

    def _region(
        self,
        image: Image,
        aim: TargetState,
        choice: Choice,
        mask: NDArray[np.float32] | None,
        square_px: int,
        variant: Variant,
    ) -> RegionMask | None:
        """The chosen cell's mask on the picture; None for a network without masks."""
        if mask is None:
            return None
        return self._paste(
            mask,
            SearchSquare.around(aim.center_in_image, square_px, variant),
            (choice.row, choice.column),
            (image.shape[0], image.shape[1]),
            variant,
            self.config.mask_threshold,
        )

    def _moved(
        self, state: TargetState, choice: Choice, scale: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Centre and size in the image after this choice; the size follows at its rate."""
        rate = choice.penalty * choice.score * self.config.size_rate
        (x, y), (width, height) = state.center_in_image, state.size
        dx, dy = choice.offset_in_crop
        new_width, new_height = choice.size_in_crop
        center = (x + dx / scale, y + dy / scale)
        size = (
            width * (1 - rate) + new_width / scale * rate,
            height * (1 - rate) + new_height / scale * rate,
        )
        return center, size


def _shift(before: TargetState, center: tuple[float, float]) -> float:
    """How far a target moved, in sides of its template's square."""
    (x0, y0), (x1, y1) = before.center_in_image, center
    return max(abs(x1 - x0), abs(y1 - y0)) / context_side(*before.size)


def _seed(box: RotatedBox) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centre and axis-aligned size to follow a box with: for a rotated one, of equal area."""
    _, _, width, height = box.bounding_xywh
    shrink = float(np.sqrt(box.width * box.height / (width * height)))
    return (box.x, box.y), (width * shrink, height * shrink)


def _likeness(state: TargetState, image: Image, region: RegionMask | None) -> float:
    """How alike the colours under a mask are to the target's; 1 where none are known of it."""
    if state.colours is None or region is None:
        return 1.0
    return likeness(state.colours, colours_of(image, region))


def _is_finite(mask: NDArray[np.float32] | None, quality: float | None) -> bool:
    whole = mask is None or bool(np.isfinite(mask).all())
    return whole and (quality is None or bool(np.isfinite(quality)))


def _scaled(size: tuple[float, float], scale: float) -> tuple[float, float]:
    return size[0] * scale, size[1] * scale


def _clamped(
    center: tuple[float, float], size: tuple[float, float], image: Image
) -> tuple[tuple[float, float], tuple[float, float]]:
    height, width = image.shape[:2]
    x, y = min(max(center[0], 0.0), width), min(max(center[1], 0.0), height)
    w, h = min(max(size[0], MIN_SIZE_PX), width), min(max(size[1], MIN_SIZE_PX), height)
    return (x, y), (w, h)


def _unseen(
    state: TargetState,
    status: Status,
    reason: str,
    score: float,
    candidate: Candidate | None = None,
) -> tuple[TargetResult, TargetState]:
    """The last known box, no mask: nothing on this frame was taken for the target."""
    after = replace(
        state,
        status=status,
        reason=reason,
        frames_unseen=state.frames_unseen + 1,
        candidate=candidate,
        candidate_looks=state.candidate_looks + (state.candidate is not None),
    )
    box = RotatedBox(*state.center_in_image, *state.size).continued_from(state.theta)
    (x, y), (width, height) = state.center_in_image, state.size
    xywh = (x - width / 2, y - height / 2, width, height)
    return TargetResult(status, reason, score, box, xywh, None, _NO_OUTLINE), after
