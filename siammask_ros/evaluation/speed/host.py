"""What a step costs the processor beside the network: with an engine that answers at once.

No GPU makes a step faster than this, and on a CPU it comes on top of the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import (
    Crop,
    Crops,
    EngineInfo,
    Floats,
    Masks,
    NetworkEngine,
    Response,
    SelectionParams,
    Template,
)
from siammask_ros.evaluation.speed.runners import TrackerRunner
from siammask_ros.evaluation.speed.scene import make_moving_squares
from siammask_ros.model.variants import Variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.tracker import Tracker

MANY = 8
_SIZE = "480p"
# A surely tracked target in the middle of the search, with a mask that fills its box.
_SCORE, _BACKGROUND_SCORE, _QUALITY = 0.99, 1e-4, 0.9
_SQUARE_ANCHOR = 2
_SEED = 0


class InstantEngine(NetworkEngine):
    """Gives every crop the same answer, made beforehand: an ellipse in the middle."""

    def __init__(self, variant: Variant) -> None:
        info = EngineInfo("instant", "cpu", "fp32", "none", "0" * 64)
        super().__init__(variant, info)
        self._maps = {
            side_px: _make_maps(variant.with_search_size(side_px))
            for side_px in (variant.search_size, variant.small_search_size)
        }
        self._mask = _ellipse(variant.mask_size)

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        return [None] * len(crops)

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        maps = [self._maps[len(crop)] for crop in crops]
        return Response([score for score, _ in maps], [box for _, box in maps], len(crops))

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        items = len(rows)
        values = np.broadcast_to(self._mask, (items, *self._mask.shape))
        quality = np.full(items, _QUALITY, np.float32) if self.variant.has_matching else None
        return Masks(values, quality)

    def free_memory(self) -> None:
        """See ``Engine.free_memory``: there is nothing."""


@dataclass(frozen=True, slots=True)
class HostCost:
    """Milliseconds of a step on the processor alone, with one target and with ``MANY``."""

    one_ms: float
    many_ms: float

    @property
    def ratio(self) -> float:
        """What many targets cost in steps with one."""
        return self.many_ms / self.one_ms

    def __str__(self) -> str:
        return (
            f"{self.one_ms:.2f} ms a step for 1 target and {self.many_ms:.2f} ms for {MANY} "
            f"stationary ones ({self.ratio:.1f}×) with an engine that answers at once, at best"
        )


def host_cost(
    variant: Variant,
    config: TrackerConfig,
    steps: int = 60,
    clock: Callable[[], float] = time.perf_counter,
) -> HostCost:
    """The cost for targets that move over a 480p image; the two numbers are measured in turns.

    The least of all steps: what other programs take of the machine does not belong to it.
    """
    runner = TrackerRunner(Tracker(InstantEngine(variant), config))
    scenes = [runner.prepare(make_moving_squares(_SIZE, targets)) for targets in (1, MANY)]
    taken_ms: list[list[float]] = [[], []]
    for number in range(steps):
        for step, taken in zip(scenes, taken_ms, strict=True):
            began_s = clock()
            step(number)
            taken.append((clock() - began_s) * 1e3)
    return HostCost(*(float(min(taken)) for taken in taken_ms))


def _make_maps(variant: Variant) -> tuple[Floats, Floats]:
    """Score and box maps with the target in the middle."""
    side, anchors = variant.score_size, variant.anchors
    score = np.full((anchors, side, side), _BACKGROUND_SCORE, np.float32)
    score[_SQUARE_ANCHOR, side // 2, side // 2] = _SCORE
    box = np.random.default_rng(_SEED).normal(0, 0.05, (4, anchors, side, side))
    return score, box.astype(np.float32)


def _ellipse(side: int) -> Floats:
    """A mask (side, side) of probabilities with a soft edge."""
    y, x = np.mgrid[:side, :side] - side / 2
    beyond = (x / (side * 0.24)) ** 2 + (y / (side * 0.17)) ** 2 - 1
    mask: Floats = (1 / (1 + np.exp(6 * beyond))).astype(np.float32)
    return mask
