"""The host's cost: each target is tracked to the end of a frame, and the steps are timed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from siammask_ros.evaluation.speed.host import MANY, HostCost, InstantEngine, host_cost
from siammask_ros.evaluation.speed.scene import make_moving_squares
from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker


@pytest.mark.parametrize(("model", "preset"), [("lite", "lite"), ("resnet50", "davis")])
def test_every_target_is_tracked_with_a_mask(model: str, preset: str) -> None:
    tracker = Tracker(InstantEngine(get_variant(model)), PRESETS[preset])
    scene = make_moving_squares("480p", MANY)
    states = tracker.start(scene.images[0], scene.boxes[0])
    for image, boxes in zip(scene.images[1:], scene.boxes[1:], strict=True):
        results, states = tracker.step(image, states)
        assert [result.status for result in results] == [Status.TRACKING] * MANY
        assert all(result.mask is not None and result.mask.area_px > 1000 for result in results)
        assert all(len(result.outline) > 50 for result in results)
        assert len(boxes) == MANY


def test_the_cost_is_that_of_the_quickest_step_with_one_and_with_many() -> None:
    # A clock of whole seconds: steps with one target take 1, 3, 5 … s, those with many 2, 4, 6 ….
    ticks = itertools.chain.from_iterable((0.0, float(n)) for n in itertools.count(1))
    cost = host_cost(get_variant("lite"), PRESETS["lite"], 3, lambda: next(ticks))
    assert cost == HostCost(1e3, 2e3)
    assert cost.ratio == 2
    assert "1000.00 ms a step for 1 target and 2000.00 ms for 8 stationary ones (2.0×)" in str(cost)


def test_both_sizes_of_search_crops_are_answered() -> None:
    engine = InstantEngine(get_variant("lite"))
    crops = [np.zeros((side, side, 3), np.uint8) for side in (255, 159)]
    response = engine.search([None] * 2, crops)
    assert [score.shape for score in response.score] == [(5, 25, 25), (5, 13, 13)]
    assert [box.shape for box in response.box] == [(4, 5, 25, 25), (4, 5, 13, 13)]
