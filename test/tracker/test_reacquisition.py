"""Where a lost target is searched: at its last position, at candidates, and ring by ring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.config import TrackerConfig
from siammask_ros.tracker.reacquisition import is_reacquiring, ring_centers, search_position
from siammask_ros.tracker.targets import Candidate, Status, TargetState

CONFIG = TrackerConfig(tracking_score=0.6, lost_score=0.3, lost_after_frames=3)
VARIANT = get_variant("lite")
SIZE = (30.0, 20.0)
IMAGE_SIZE = (240, 320)
STAY = 15


def lost(frames_unseen: int = 3, candidate: Candidate | None = None) -> TargetState:
    return TargetState(
        (100.0, 80.0),
        SIZE,
        0.0,
        np.zeros(3),
        None,
        np.zeros((127, 127, 3), np.uint8),
        Status.LOST,
        "",
        frames_unseen,
        candidate=candidate,
    )


def centers(count: int, state: TargetState | None = None) -> list[tuple[float, float]]:
    state = state or lost()
    return [
        search_position(replace(state, frames_unseen=3 + number), CONFIG, VARIANT, IMAGE_SIZE)[0]
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(replace(lost(), status=Status.TRACKING, frames_unseen=0), id="tracked"),
        pytest.param(replace(lost(), status=Status.UNCERTAIN), id="uncertain"),
        pytest.param(lost(frames_unseen=1), id="one bad image"),
    ],
)
def test_only_a_lost_target_may_be_anywhere(state: TargetState) -> None:
    assert not is_reacquiring(state, CONFIG)
    position = search_position(state, CONFIG, VARIANT, IMAGE_SIZE)
    assert position == (state.center_in_image, state.size)


def test_after_15_searches_every_third_is_somewhere_else() -> None:
    searches = centers(STAY + 30)
    assert set(searches[:STAY]) == {(100.0, 80.0)}
    assert set(searches[STAY + 1 :: 3]) | set(searches[STAY + 2 :: 3]) == {(100.0, 80.0)}
    assert (100.0, 80.0) not in searches[STAY::3]


def test_the_search_widens_ring_by_ring() -> None:
    home, step = (500.0, 400.0), 100.0
    x, y = (ring_centers(home, step, (800, 1000)) - home).T
    rings = np.round(np.maximum(abs(x), abs(y)) / step)
    assert rings.tolist() == sorted(rings)
    assert np.count_nonzero(rings == 1) == 8 and np.count_nonzero(rings == 2) == 16
    assert rings.max() == 5


def test_after_the_whole_image_the_scan_starts_again() -> None:
    around = centers(300 + STAY)[STAY::3]
    length = len(set(around))
    assert around[:length] == around[length : 2 * length]


@pytest.mark.parametrize(
    ("home", "image_size"),
    [
        pytest.param((100.0, 80.0), IMAGE_SIZE, id="inside"),
        pytest.param((0.0, 0.0), IMAGE_SIZE, id="in a corner"),
        pytest.param((319.0, 3.0), IMAGE_SIZE, id="near another corner"),
        pytest.param((500.0, 20.0), (1080, 1920), id="large image"),
    ],
)
def test_every_point_of_the_image_is_in_reach_of_some_window(
    home: tuple[float, float], image_size: tuple[int, int]
) -> None:
    """A window of side 1/0.6 steps shows what is within 0.3 of its sides well, at a border less."""
    step = 40.0
    windows = np.vstack([ring_centers(home, step, image_size), home])
    height, width = image_size
    y, x = np.mgrid[0:height:4, 0:width:4]
    reach = np.full(x.shape, np.inf)
    for center_x, center_y in windows:
        reach = np.minimum(reach, np.maximum(abs(x - center_x), abs(y - center_y)))
    assert reach.max() <= 0.6 * step
    assert (windows >= 0).all() and (windows <= (width, height)).all()
    assert len(windows) <= (width / step + 3) * (height / step + 3)


def test_an_image_that_one_window_covers_is_searched_as_a_whole() -> None:
    assert ring_centers((20.0, 10.0), 400.0, (40, 60)).tolist() == [[20.0, 10.0]]


def test_a_candidate_is_searched_before_the_scan_goes_on() -> None:
    candidate = Candidate((200.0, 150.0), (40.0, 25.0), 1)
    position = search_position(lost(4, candidate), CONFIG, VARIANT, IMAGE_SIZE)
    assert position == ((200.0, 150.0), (40.0, 25.0))


def test_searches_at_candidates_do_not_count_for_the_scan() -> None:
    state = replace(lost(), candidate_looks=7)
    positions = [
        search_position(replace(state, frames_unseen=10 + number), CONFIG, VARIANT, IMAGE_SIZE)[0]
        for number in range(STAY + 9)
    ]
    assert positions == centers(STAY + 9)
