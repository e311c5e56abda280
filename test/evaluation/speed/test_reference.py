"""The reference path and the fast one say the same."""

from __future__ import annotations

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box

from siammask_ros.evaluation.speed.reference import ReferenceTracker, paste_on_image
from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.masks import OUTSIDE, SearchSquare, paste_mask
from siammask_ros.tracker.tracker import Tracker

PICTURE = (120, 200)


@pytest.mark.parametrize("model", ["lite", "resnet50", "resnet50_base"])
@pytest.mark.parametrize(
    ("center", "side"), [((90.0, 61.0), 131), ((3.4, 118.2), 90), ((150.0, 40.5), 400)]
)
def test_a_mask_pasted_on_the_whole_image_is_the_region_and_below_the_threshold_around_it(
    model: str, center: tuple[float, float], side: int
) -> None:
    variant = get_variant(model)
    size = variant.mask_size
    # Smooth, as masks are: OpenCV rounds positions to 1/32 of a mask's pixel.
    y, x = np.mgrid[:size, :size] / size
    mask = (0.5 + 0.5 * np.sin(5 * x) * np.cos(4 * y)).astype(np.float32)
    square = SearchSquare.around(center, side, variant)
    fast, whole = (
        way(mask, square, (12, 9), PICTURE, variant, 0.5) for way in (paste_mask, paste_on_image)
    )
    assert whole.values.shape == PICTURE
    # At the mask's border a step of 1/32 towards −1 is as much as two of them.
    assert np.abs(whole.values[fast.window] - fast.values).max() < 0.07
    around = whole.values.copy()
    around[fast.window] = OUTSIDE
    assert around.max() < 0.5 + 0.07
    assert np.count_nonzero(whole.to_image_mask() != fast.to_image_mask()) <= 0.01 * np.prod(
        PICTURE
    )


def test_both_trackers_follow_the_square_alike() -> None:
    config = find_preset("lite")
    trackers = [kind(FakeEngine(), config) for kind in (Tracker, ReferenceTracker)]
    states = [tracker.start(picture(0), [square_box(0)]) for tracker in trackers]
    for index in range(1, 6):
        results = []
        for number, tracker in enumerate(trackers):
            (result,), states[number] = tracker.step(picture(index), states[number])
            assert result.mask is not None
            results.append(result)
        fast, reference = results
        assert reference.mask.binary.shape == picture(0).shape[:2]
        overlap = fast.mask.to_image_mask() & reference.mask.to_image_mask()
        assert np.count_nonzero(overlap) >= 0.98 * reference.mask.area_px
        assert fast.box.corners_xy == pytest.approx(reference.box.corners_xy, abs=1.5)
        assert fast.score == reference.score
