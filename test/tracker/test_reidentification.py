"""A lost target is taken back only where everything agrees: "lost" before "wrong"."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_engine import FakeEngine
from support.scripted_engine import Answer, ScriptedEngine
from tracker.walks import BOX, IMAGE, LATER

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.color_histogram import color_histogram, histogram_similarity
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.masks import RegionMask
from siammask_ros.tracker.reidentification import Match, accept_candidate
from siammask_ros.tracker.targets import Candidate, Status, TargetState
from siammask_ros.tracker.tracker import Tracker

CONFIG = TrackerConfig(
    tracking_score=0.6,
    lost_score=0.3,
    lost_after_frames=2,
    min_color_similarity=0.5,
    max_size_ratio=2.0,
    confirm_frames=2,
)
LOST = TargetState(
    (50, 40),
    (20, 10),
    0.0,
    np.zeros(3),
    None,
    np.zeros((127, 127, 3), np.uint8),
    Status.LOST,
    "",
    9,
)
ALIKE = Match((80, 60), (22, 11), 0.7)


def test_what_agrees_in_everything_is_confirmed_and_taken_back() -> None:
    candidate, why = accept_candidate(LOST, ALIKE, CONFIG)
    assert candidate == Candidate((80, 60), (22, 11), 1)
    assert why == "candidate found in 1 of 2 images in a row"
    assert accept_candidate(replace(LOST, candidate=candidate), ALIKE, CONFIG) == (None, "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"similarity": 0.49}, "colour similarity 0.49 < 0.50"),
        ({"similarity": math.nan}, "colour similarity nan < 0.50"),
        ({"size": (50, 25)}, "2.5 times the target's size"),
        ({"size": (8, 4)}, "0.4 times the target's size"),
    ],
    ids=["other colours", "no number", "larger", "smaller"],
)
@pytest.mark.parametrize("frames", [0, 1, 5])
def test_with_less_it_stays_lost_and_says_why(
    change: dict[str, float], why: str, frames: int
) -> None:
    state = replace(LOST, candidate=Candidate((80, 60), (22, 11), frames))
    candidate, doubt = accept_candidate(state, replace(ALIKE, **change), CONFIG)
    assert candidate is None
    assert why in doubt


def track_scores(scores: list[float], min_color_similarity: float = 0.0) -> list[str]:
    """What a tracker says of a target whose frames have these scores, and are of other colours."""
    engine = ScriptedEngine()
    tracker = Tracker(engine, replace(CONFIG, min_color_similarity=min_color_similarity))
    states = tracker.start(IMAGE, [BOX])
    told = []
    for number, score in enumerate(scores):
        engine.answers = [Answer(score=score)]
        before = states
        (result,), states = tracker.step(IMAGE if number == 0 else LATER, states)
        told.append(result.status.name)
        if result.status == Status.LOST:
            assert result.mask is None
            assert states[0].center_in_image == before[0].center_in_image
            assert result.reason
    return told


def test_a_candidate_has_to_pass_in_a_row() -> None:
    told = track_scores([0.9, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9])
    assert told == ["TRACKING", "UNCERTAIN", "LOST", "LOST", "LOST", "LOST", "TRACKING"]


def test_a_high_score_on_other_colours_takes_nothing_back() -> None:
    told = track_scores([0.9, 0.1, 0.1] + [1.0] * 30, min_color_similarity=0.8)
    assert told == ["TRACKING", "UNCERTAIN"] + ["LOST"] * 31
    assert track_scores([0.9, 0.1, 0.1, 1.0, 1.0], min_color_similarity=0.0)[-1] == "TRACKING"


def test_one_that_was_never_sure_has_no_colours_and_is_known_by_its_score_alone() -> None:
    assert track_scores([0.4, 0.1, 0.1, 1.0, 1.0], min_color_similarity=0.9)[-1] == "TRACKING"


def test_a_target_that_was_never_lost_needs_no_second_look() -> None:
    told = track_scores([0.9, 0.1, 0.9, 0.4, 0.9], min_color_similarity=1.0)
    assert told == ["TRACKING", "UNCERTAIN", "TRACKING", "UNCERTAIN", "TRACKING"]


def square_at(x: int, y: int, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    image = np.random.default_rng(x).integers(0, 40, (480, 640, 3), np.uint8)
    image[y - 20 : y + 20, x - 20 : x + 20] = colour
    return image


ORANGE, BLUE = (40, 140, 240), (240, 120, 30)


def test_a_target_is_found_again_on_the_other_side_of_the_picture() -> None:
    tracker = Tracker(FakeEngine(), PRESETS["lite"])
    states = tracker.start(square_at(100, 100, ORANGE), [RotatedBox(100, 100, 40, 40)])
    _, states = tracker.step(square_at(100, 100, ORANGE), states)
    for _ in range(5):
        (result,), states = tracker.step(square_at(500, 400, BLUE), states)
    assert result.status == Status.LOST
    for _ in range(200):
        (result,), states = tracker.step(square_at(500, 400, ORANGE), states)
        if result.status == Status.TRACKING:
            break
    assert (result.box.x, result.box.y) == pytest.approx((500, 400), abs=3)
    (result,), _ = tracker.step(square_at(504, 400, ORANGE), states)
    assert result.status == Status.TRACKING
    assert result.box.x == pytest.approx(504, abs=3)


# Colours


def under(left: int, right: int) -> RegionMask:
    """A mask of 20 rows from 30 on and of the columns from ``left`` to ``right``."""
    binary = np.zeros((20, 60), np.uint8)
    binary[:, left - 20 : right - 20] = 1
    return RegionMask(20, 30, binary.astype(np.float32), binary, (100, 100))


def test_colours_are_those_under_the_mask() -> None:
    image = np.full((100, 100, 3), BLUE, np.uint8)
    image[30:50, 40:60] = ORANGE
    orange, blue = color_histogram(image, under(40, 60)), color_histogram(image, under(60, 80))
    assert orange.sum() == pytest.approx(1)
    assert histogram_similarity(orange, orange) == pytest.approx(1, abs=1e-5)
    assert histogram_similarity(orange, blue) == 0
    # The half of it that is not hidden.
    assert histogram_similarity(orange, color_histogram(image, under(50, 60))) == pytest.approx(
        1, abs=1e-5
    )
    assert histogram_similarity(orange, color_histogram(image, under(50, 70))) == pytest.approx(
        0.5**0.5, abs=1e-5
    )


def test_nothing_has_no_colours() -> None:
    image = np.full((100, 100, 3), BLUE, np.uint8)
    assert (
        histogram_similarity(
            color_histogram(image, under(40, 40)), color_histogram(image, under(40, 60))
        )
        == 0
    )


def test_a_target_keeps_the_colours_of_the_first_frame_that_was_sure() -> None:
    tracker = Tracker(FakeEngine(), PRESETS["lite"])
    (before,) = tracker.start(square_at(100, 100, ORANGE), [RotatedBox(100, 100, 40, 40)])
    assert before.color_histogram is None
    _, (first,) = tracker.step(square_at(102, 100, ORANGE), [before])
    _, (second,) = tracker.step(square_at(104, 100, ORANGE), [first])
    assert first.color_histogram is not None
    assert second.color_histogram is first.color_histogram
