"""Targets that go away and come back: the made-up videos, the claims, and what is made of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_engine import FakeEngine
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.disappearance.measuring import (
    Disappearance,
    FrameClaim,
    evaluate_disappearance,
)
from siammask_ros.evaluation.benchmarks.disappearance.report import rates, table, write_report
from siammask_ros.evaluation.benchmarks.disappearance.sequences import (
    AWAY_FRAMES,
    BACK_FRAMES,
    FOLLOWED_FRAMES,
    PAN_FRAMES,
    WAYS,
    DisappearanceSequence,
    Scene,
    make_disappearances,
)
from siammask_ros.tracker.config import TrackerConfig, find_preset
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

COLOURS_BGR = {"red": (20, 20, 250), "green": (20, 250, 20)}
T, U, L = Status.TRACKING, Status.UNCERTAIN, Status.LOST


class Square:
    """A square of one colour that moves over dark noise."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __len__(self) -> int:
        return 12

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        picture = np.random.default_rng(number).integers(0, 40, (240, 320, 3), np.uint8)
        mask = np.zeros((240, 320), np.uint8)
        mask[90:150, 100 + 5 * number : 160 + 5 * number] = 255
        picture[mask > 0] = COLOURS_BGR[self.name]
        return picture, mask


RED, GREEN = Square("red"), Square("green")


def scenes(way: str, start: int = 0) -> list[Scene]:
    return list(DisappearanceSequence(RED, GREEN, way, start).scenes())


def shows(scene: Scene, name: str) -> bool:
    return bool((np.abs(scene.picture.astype(int) - COLOURS_BGR[name]).sum(axis=2) < 60).any())


# Vanishings


@pytest.mark.parametrize("way", WAYS)
def test_the_target_is_shown_then_away_then_back(way: str) -> None:
    told = scenes(way)
    pan = PAN_FRAMES if way == "panned away" else 0
    assert len(told) == len(DisappearanceSequence(RED, GREEN, way, 0))
    away = [number for number, scene in enumerate(told) if scene.shown == 0]
    assert len(away) >= AWAY_FRAMES
    assert away == list(range(away[0], away[-1] + 1))
    assert FOLLOWED_FRAMES <= away[0] < FOLLOWED_FRAMES + max(pan, 1)
    assert [scene.shown for scene in told[-BACK_FRAMES:]] == [1.0] * BACK_FRAMES
    for scene in told:
        assert shows(scene, "red") == bool(scene.mask.any()) == (scene.shown > 0)
        assert scene.picture.shape == (240, 320, 3)


@pytest.mark.parametrize("start", [0, 1], ids=["left", "right"])
def test_a_pan_moves_the_picture_and_its_mask_together(start: int) -> None:
    for scene in scenes("panned away", start):
        red = np.abs(scene.picture.astype(int) - COLOURS_BGR["red"]).sum(axis=2) < 60
        assert np.array_equal(red, scene.mask > 0)


def test_a_cover_hides_the_target_wherever_it_is() -> None:
    scene = scenes("covered")[FOLLOWED_FRAMES + 3]
    _, mask = RED.frame(FOLLOWED_FRAMES + 3)
    own, _ = RED.frame(FOLLOWED_FRAMES + 3)
    assert not np.array_equal(scene.picture[mask > 0], own[mask > 0])
    assert np.array_equal(scene.picture[:60], own[:60])


def test_every_video_goes_away_in_every_way_from_every_start() -> None:
    planned = make_disappearances([RED, GREEN], 3)
    assert len(planned) == 2 * len(WAYS) * 3
    assert {(each.video.name, each.way, each.start) for each in planned} == {
        (name, way, start) for name in COLOURS_BGR for way in WAYS for start in (0, 4, 8)
    }
    assert all(each.video is not each.other for each in planned)


# Claims


def test_a_fake_engine_that_knows_its_target_is_lost_in_time_and_comes_back() -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    for sequence in make_disappearances([RED, GREEN], 1):
        found = evaluate_disappearance(tracker, sequence)
        assert found.is_followed
        assert found.is_lost_in_time, found.way
        assert found.back_after is not None, found.way
        assert not found.is_wrong


def test_a_tracker_that_never_gives_up_is_told_to_be_wrong() -> None:
    tracker = Tracker(FakeEngine(), TrackerConfig())
    found = evaluate_disappearance(tracker, DisappearanceSequence(RED, GREEN, "another scene", 0))
    assert found.lost_after is None
    assert not found.is_lost_in_time
    assert found.is_wrong


def claims(*told: tuple[Status, float], shown: float) -> tuple[FrameClaim, ...]:
    return tuple(FrameClaim(status, iou, shown) for status, iou in told)


GOOD = Disappearance(
    "made up",
    "covered",
    0,
    claims((T, 0.8), shown=1.0),
    claims((T, 0.0), (U, 0.0), *[(L, 0.0)] * 12, shown=0.0),
    claims((L, 0.0), (T, 0.3), (T, 0.6), shown=1.0),
)


def test_what_is_made_of_claims() -> None:
    assert (GOOD.lost_after, GOOD.back_after) == (3, 3)
    assert GOOD.is_lost_in_time and GOOD.is_followed and not GOOD.is_wrong


@pytest.mark.parametrize(
    ("part", "told", "shown", "is_wrong"),
    [
        ("away", [(L, 0.0)] * 9 + [(T, 0.0)], 0.0, False),
        ("away", [(L, 0.0)] * 10 + [(T, 0.0)], 0.0, True),
        ("away", [(L, 0.0)] * 10 + [(U, 0.0)], 0.0, False),
        ("back", [(T, 0.09)], 1.0, True),
        ("back", [(T, 0.1)], 1.0, False),
        ("back", [(T, 0.0)], 0.4, False),
    ],
    ids=["late", "away", "unsure", "elsewhere", "partly right", "a sliver is shown"],
)
def test_wrong_is_what_is_claimed_of_something_else(
    part: str, told: list[tuple[Status, float]], shown: float, is_wrong: bool
) -> None:
    found = replace(GOOD, **{part: claims(*told, shown=shown)})
    assert found.is_wrong == is_wrong


def test_a_target_that_was_lost_before_it_went_is_left_out(tmp_path: Path) -> None:
    lost = replace(GOOD, before=claims((L, 0.0), shown=1.0))
    wrong = replace(GOOD, back=claims((T, 0.0), shown=1.0))
    found = [GOOD, lost, wrong]
    (row, total) = rates(found)
    assert (row.name, total.name, total.count, total.not_followed) == ("covered", "all", 2, 1)
    assert (total.lost, total.right, total.wrong, total.back_after) == (1.0, 0.5, 0.5, 3)
    assert "1 left out" in table(found)
    summary, picture = write_report(tmp_path / "out", found, {"engine": "fake"})
    rows = json.loads(summary.read_text())["disappearances"]
    assert [each["followed"] for each in rows] == [True, False, True]
    assert cv2.imread(str(picture)) is not None
