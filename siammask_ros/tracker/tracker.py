"""SiamMask's online tracking (paper, section 3.2): crop, search, choose, refine, paste.

State is a value: ``states = tracker.start(image, boxes)``, then
``results, states = tracker.step(image, states)`` for every frame. Several targets share one
batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import Engine, Response, SelectionParams
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box
from siammask_ros.geometry.crops import Image, context_side, crop_square, mean_bgr
from siammask_ros.tracker.color_histogram import color_histogram, histogram_similarity
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.masks import RegionMask, SearchSquare, largest_outline, paste_mask
from siammask_ros.tracker.reacquisition import is_reacquiring
from siammask_ros.tracker.reidentification import Match, accept_candidate
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.scoring import AnchorField, Choice, choose
from siammask_ros.tracker.stage_clock import StageClock
from siammask_ros.tracker.target_search import Prediction, TargetSearch, plan_searches
from siammask_ros.tracker.targets import Candidate, Status, TargetResult, TargetState, decide_status
from siammask_ros.tracker.threads import map_in_threads

MIN_SIZE_PX = 10.0
_NO_OUTLINE: NDArray[np.int32] = np.zeros((0, 2), np.int32)


class Tracker:
    """Tracks targets with one engine; holds settings, no state."""

    _paste = staticmethod(paste_mask)

    def __init__(self, engine: Engine, config: TrackerConfig) -> None:
        self.engine = engine
        self.config = config

    def start(self, image: Image, boxes: Sequence[RotatedBox]) -> list[TargetState]:
        """States of the targets in these boxes of an image (H, W, 3) uint8 BGR.

        A rotated box is replaced by the axis-aligned box of the same centre and area. Raises
        BoxError as ``validate_init_box`` does; then no target is started.
        """
        if not boxes:
            return []
        height, width = image.shape[:2]
        checked = [validate_init_box(box, width, height) for box in boxes]
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

    def save(self, state: TargetState) -> SavedTarget:
        """What to keep of a target in order to resume it in another run."""
        box = RotatedBox(*state.center_in_image, *state.size, state.theta)
        sha256 = self.engine.info.sha256
        return SavedTarget(state.template_bgr, state.fill_bgr, box, sha256, state.color_histogram)

    def resume(self, saved: SavedTarget, image: Image) -> TargetState:
        """The state of a saved target: LOST, to be searched at its last position.

        It becomes TRACKING under the same conditions as any lost target. Raises DataError if it
        was saved with other weights.
        """
        saved.check_fits(self.engine)
        (template,) = self.engine.template(saved.template_bgr[None])
        box = saved.box
        center, size = _clamp((box.x, box.y), (box.width, box.height), image)
        return TargetState(
            center_in_image=center,
            size=size,
            theta=box.theta,
            fill_bgr=saved.fill_bgr,
            template=template,
            template_bgr=saved.template_bgr,
            status=Status.LOST,
            reason="loaded from a file; not found yet",
            frames_unseen=self.config.lost_after_frames,
            color_histogram=saved.color_histogram,
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
        clock.start()
        searches = plan_searches(states, self.config, self.engine.variant, image.shape[:2])
        crops = map_in_threads(lambda search: search.cut_crop(image), searches)
        clock.lap("crop")
        predictions = self._predict(searches, crops, clock)
        # Not in threads: most of this work holds Python's lock.
        updates = [
            self._update(image, search, prediction)
            for search, prediction in zip(searches, predictions, strict=True)
        ]
        clock.lap("mask")
        return [result for result, _ in updates], [state for _, state in updates]

    def _predict(
        self, searches: Sequence[TargetSearch], crops: Sequence[Image], clock: StageClock
    ) -> list[Prediction | None]:
        """The network's answer for each target; None where it is not finite."""
        sizes = [search.size_in_crop for search in searches]
        configs = [search.config for search in searches]
        params = SelectionParams(
            np.array(sizes),
            AnchorField.of(self.engine.variant).sizes,
            self.config.penalty_k,
            np.array([config.window_influence for config in configs]),
        )
        templates = [search.state.template for search in searches]
        response = self.engine.search(templates, crops, params)
        clock.lap("network")
        fields = [AnchorField.of(search.variant) for search in searches]
        choices = choose(response.score, response.box, sizes, fields, configs)
        clock.lap("select")
        if not self.engine.variant.has_mask:
            return [Prediction(choice) if choice else None for choice in choices]
        predictions = self._refine(response, choices)
        clock.lap("network")
        return predictions

    def _refine(
        self, response: Response, choices: Sequence[Choice | None]
    ) -> list[Prediction | None]:
        """The choices with their masks."""
        # Where there is no choice the mask of any cell will do: it is not used.
        rows = np.array([choice.row if choice else 0 for choice in choices])
        columns = np.array([choice.column if choice else 0 for choice in choices])
        masks = self.engine.refine(response, rows, columns)
        no_quality = [None] * len(choices)
        qualities = no_quality if masks.quality is None else masks.quality.tolist()
        return [
            Prediction(choice, mask, quality) if choice else None
            for choice, mask, quality in zip(choices, masks.values, qualities, strict=True)
        ]

    def _update(
        self, image: Image, search: TargetSearch, prediction: Prediction | None
    ) -> tuple[TargetResult, TargetState]:
        """One target's result and next state."""
        state = search.state
        if prediction is None or not prediction.is_finite:
            return _not_found(state, Status.LOST, "non-finite network output", float("nan"))
        score = prediction.score
        status, reason, unseen = decide_status(score, state, self.config)
        if unseen:
            return _not_found(state, status, reason, score)
        center, size = search.locate(prediction.choice)
        mask = self._paste_mask(image, search, prediction)
        if is_reacquiring(state, self.config):
            match = Match(center, size, _similarity(state, image, mask))
            candidate, doubt = accept_candidate(state, match, self.config)
            if doubt:
                return _not_found(state, Status.LOST, doubt, score, candidate)
        box, outline = self._fit_box(mask, state.theta)
        histogram = state.color_histogram
        if box is None:
            box = RotatedBox(*center, *size).align_to(state.theta)
            if mask is not None:
                reason = reason or "mask is empty or too small; box from the box head"
        elif mask is not None and histogram is None and status == Status.TRACKING:
            histogram = color_histogram(image, mask)
        # Only now, after the mask: the authors' order, on which their numbers depend.
        center, size = _clamp(center, size, image)
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
            color_histogram=histogram,
        )
        return TargetResult(status, reason, score, box, _xywh(after), mask, outline), after

    def _paste_mask(
        self, image: Image, search: TargetSearch, prediction: Prediction
    ) -> RegionMask | None:
        """The mask in image pixels; None for a network without masks."""
        if prediction.mask is None:
            return None
        return self._paste(
            prediction.mask,
            SearchSquare.around(search.center_in_image, search.side_px, search.variant),
            (prediction.choice.row, prediction.choice.column),
            (image.shape[0], image.shape[1]),
            search.variant,
            self.config.mask_threshold,
        )

    def _fit_box(
        self, mask: RegionMask | None, previous_theta: float
    ) -> tuple[RotatedBox | None, NDArray[np.int32]]:
        """The rotated box and the outline of a mask; no box where the mask is too small."""
        if mask is None:
            return None, _NO_OUTLINE
        outline, area = largest_outline(mask)
        if area <= self.config.min_mask_area_px:
            return None, outline
        return RotatedBox.around_points(outline, previous_theta), outline


def _shift(before: TargetState, center: tuple[float, float]) -> float:
    """How far a target moved, in sides of its template's square."""
    (x0, y0), (x1, y1) = before.center_in_image, center
    return max(abs(x1 - x0), abs(y1 - y0)) / context_side(*before.size)


def _seed(box: RotatedBox) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centre and axis-aligned size of the first state; a rotated box keeps its area."""
    _, _, width, height = box.bounding_xywh
    shrink = float(np.sqrt(box.width * box.height / (width * height)))
    return (box.x, box.y), (width * shrink, height * shrink)


def _similarity(state: TargetState, image: Image, mask: RegionMask | None) -> float:
    """How similar the colours under a mask are to the target's; 1 where there is no histogram."""
    if state.color_histogram is None or mask is None:
        return 1.0
    return histogram_similarity(state.color_histogram, color_histogram(image, mask))


def _clamp(
    center: tuple[float, float], size: tuple[float, float], image: Image
) -> tuple[tuple[float, float], tuple[float, float]]:
    height, width = image.shape[:2]
    x, y = min(max(center[0], 0.0), width), min(max(center[1], 0.0), height)
    w, h = min(max(size[0], MIN_SIZE_PX), width), min(max(size[1], MIN_SIZE_PX), height)
    return (x, y), (w, h)


def _xywh(state: TargetState) -> tuple[float, float, float, float]:
    (x, y), (width, height) = state.center_in_image, state.size
    return x - width / 2, y - height / 2, width, height


def _not_found(
    state: TargetState,
    status: Status,
    reason: str,
    score: float,
    candidate: Candidate | None = None,
) -> tuple[TargetResult, TargetState]:
    """The last known box and no mask: nothing in this image was accepted as the target."""
    after = replace(
        state,
        status=status,
        reason=reason,
        frames_unseen=state.frames_unseen + 1,
        candidate=candidate,
        candidate_looks=state.candidate_looks + (state.candidate is not None),
    )
    box = RotatedBox(*state.center_in_image, *state.size).align_to(state.theta)
    return TargetResult(status, reason, score, box, _xywh(state), None, _NO_OUTLINE), after
