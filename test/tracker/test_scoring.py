"""The choice of the best anchor, against loops that follow the paper's text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.one_choice import choose

from siammask_ros.model.variants import get_variant
from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.scoring import AnchorField, Choice
from siammask_ros.tracker.scoring import choose as choose_for_all

SIDE = 25
SIZES = [(104, 32), (88, 40), (64, 64), (40, 80), (32, 96)]
TARGET = (60.0, 48.0)
DAVIS = PRESETS["davis"]
ANCHORS = AnchorField.of(get_variant("resnet50"))


def hann(index: int) -> float:
    return 0.5 - 0.5 * math.cos(2 * math.pi * index / (SIDE - 1))


def padded(width: float, height: float) -> float:
    margin = (width + height) / 2
    return math.sqrt((width + margin) * (height + margin))


def change(ratio: float) -> float:
    return max(ratio, 1 / ratio)


def literal_choice(
    score: np.ndarray, box: np.ndarray, target: tuple[float, float], config: TrackerConfig
) -> Choice:
    """Steps 2 and 3 of the online tracking, one anchor after the other."""
    best, chosen = -math.inf, None
    for k, (anchor_w, anchor_h) in enumerate(SIZES):
        for row in range(SIDE):
            for column in range(SIDE):
                dx, dy, dw, dh = (float(box[i, k, row, column]) for i in range(4))
                x = dx * anchor_w + (column - 12) * 8
                y = dy * anchor_h + (row - 12) * 8
                width, height = math.exp(dw) * anchor_w, math.exp(dh) * anchor_h
                size_change = change(padded(width, height) / padded(*target))
                shape_change = change((target[0] / target[1]) / (width / height))
                penalty = math.exp(-(shape_change * size_change - 1) * config.penalty_k)
                value = float(score[k, row, column])
                ranking = penalty * value * (1 - config.window_influence)
                ranking += hann(row) * hann(column) * config.window_influence
                if ranking > best:
                    best = ranking
                    chosen = Choice(row, column, (x, y), (width, height), value, penalty)
    assert chosen is not None
    return chosen


def random_answer(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.random((5, SIDE, SIDE), np.float32) ** 4
    box = rng.normal(0, 0.3, (4, 5, SIDE, SIDE)).astype(np.float32)
    return score, box


def quiet_answer() -> tuple[np.ndarray, np.ndarray]:
    """No score anywhere, every box its anchor."""
    return np.zeros((5, SIDE, SIDE), np.float32), np.zeros((4, 5, SIDE, SIDE), np.float32)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", [TARGET, (20.0, 110.0)], ids=["wide", "upright"])
def test_the_choice_is_the_literal_one(name: str, seed: int, target: tuple[float, float]) -> None:
    score, box = random_answer(seed)
    ours = choose(score, box, target, ANCHORS, PRESETS[name])
    theirs = literal_choice(score, box, target, PRESETS[name])
    assert ours is not None
    assert (ours.row, ours.column) == (theirs.row, theirs.column)
    assert ours.offset_in_crop == pytest.approx(theirs.offset_in_crop)
    assert ours.size_in_crop == pytest.approx(theirs.size_in_crop)
    assert (ours.score, ours.penalty) == pytest.approx((theirs.score, theirs.penalty))


def test_without_any_score_the_window_decides_for_the_middle() -> None:
    choice = choose(*quiet_answer(), TARGET, ANCHORS, DAVIS)
    assert choice is not None
    assert (choice.row, choice.column, choice.score) == (12, 12, 0.0)
    assert choice.offset_in_crop == (0.0, 0.0)


def test_a_cell_at_the_border_has_no_window_at_all() -> None:
    score, box = quiet_answer()
    score[2, 0, 5] = 1.0
    assert ANCHORS.window[0, 5] == 0
    assert ANCHORS.window[12, 12] == pytest.approx(1.0)
    windowless = choose(score, box, TARGET, ANCHORS, TrackerConfig(window_influence=0.0))
    windowed = choose(score, box, TARGET, ANCHORS, TrackerConfig(window_influence=0.9))
    assert windowless is not None and (windowless.row, windowless.column) == (0, 5)
    assert windowed is not None and (windowed.row, windowed.column) == (12, 12)


@pytest.mark.parametrize(
    ("size", "factor"),
    [
        pytest.param(TARGET, 1.0, id="the same"),
        pytest.param((120.0, 96.0), 2.0, id="twice as large"),
        pytest.param((30.0, 24.0), 2.0, id="half as large"),
        pytest.param(
            (48.0, 60.0),
            change((60 / 48) ** 2) * change(padded(48, 60) / padded(60, 48)),
            id="turned",
        ),
    ],
)
def test_the_penalty_grows_with_the_change_of_size_and_shape(
    size: tuple[float, float], factor: float
) -> None:
    score, box = quiet_answer()
    score[2, 12, 12] = 1.0
    box[2, 2], box[3, 2] = np.log(size[0] / 64), np.log(size[1] / 64)
    choice = choose(score, box, TARGET, ANCHORS, DAVIS)
    assert choice is not None
    assert choice.size_in_crop == pytest.approx(size, rel=1e-5)
    assert choice.penalty == pytest.approx(math.exp(-(factor - 1) * DAVIS.penalty_k), rel=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("where", ["score", "dx", "dy", "dw", "dh"])
def test_c1_a_number_that_is_not_finite_gives_no_choice(where: str, value: float) -> None:
    score, box = random_answer(0)
    spoiled = dict(zip(("score", "dx", "dy", "dw", "dh"), (score, *box), strict=True))[where]
    spoiled[1, 24, 24] = value
    assert choose(score, box, TARGET, ANCHORS, DAVIS) is None


@pytest.mark.parametrize("axis", [0, 1, 2, 3], ids=["dx", "dy", "dw", "dh"])
@pytest.mark.parametrize("value", [800.0, -800.0, 3e38, -3e38], ids=str)
def test_c1_a_finite_answer_never_gives_a_box_that_is_not(axis: int, value: float) -> None:
    """A width of exp(800) is no float any more, though the network's number was finite."""
    score, box = quiet_answer()
    box[axis] = value
    choice = choose(score, box, TARGET, ANCHORS, DAVIS)
    if choice is not None:
        numbers = (*choice.offset_in_crop, *choice.size_in_crop, choice.score, choice.penalty)
        assert np.isfinite(numbers).all()


def test_targets_of_a_frame_are_chosen_for_as_each_alone_and_a_bad_one_spoils_no_other() -> None:
    small = AnchorField.of(get_variant("resnet50").with_search_size(159))
    cases = []
    for seed in range(6):
        score, box = random_answer(seed)
        middle = slice(6, 19)
        is_small = seed % 3 == 1
        part = (..., middle, middle) if is_small else (...,)
        config = TrackerConfig(window_influence=0.1 * seed, penalty_k=0.05 * seed)
        target = (30.0 + 10 * seed, 60.0)
        cases.append((score[part], box[part], target, small if is_small else ANCHORS, config))
    cases[3][0][0, 0, 0] = np.nan
    together = choose_for_all(*zip(*cases, strict=True))
    assert together == [choose(*case) for case in cases]
    assert [choice is None for choice in together] == [number == 3 for number in range(6)]


def test_no_targets_are_no_choices() -> None:
    assert choose_for_all([], [], [], [], []) == []
