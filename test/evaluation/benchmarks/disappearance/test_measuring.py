"""Targets that disappear and come back: the sequences, the reported states, and the rates."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_engine import FakeEngine

from siammask_ros.evaluation.benchmarks.disappearance.distractor import (
    DistractorView,
    choose_distractor,
)
from siammask_ros.evaluation.benchmarks.disappearance.measuring import (
    Disappearance,
    FrameReport,
    evaluate_disappearance,
)
from siammask_ros.evaluation.benchmarks.disappearance.report import rates, table, write_report
from siammask_ros.evaluation.benchmarks.disappearance.sequences import (
    AWAY_FRAMES,
    BACK_FRAMES,
    DISTRACTOR,
    PAN,
    PAN_FRAMES,
    TRACKED_FRAMES,
    WAYS,
    DisappearanceSequence,
    Scene,
    make_disappearances,
)
from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo
from siammask_ros.geometry.boxes import mask_bounding_xywh
from siammask_ros.tracker.config import TrackerConfig, find_preset
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

COLOURS_BGR = {"red": (20, 20, 250), "green": (20, 250, 20)}
T, U, L = Status.TRACKING, Status.UNCERTAIN, Status.LOST


class Square:
    """A square of one colour that moves over dark noise."""

    def __init__(self, name: str, left: int = 100, side: int = 60) -> None:
        self.name = name
        self._left, self._side = left, side

    def __len__(self) -> int:
        return 12

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image = np.random.default_rng(number).integers(0, 40, (240, 320, 3), np.uint8)
        mask = np.zeros((240, 320), np.uint8)
        left = self._left + 5 * number
        mask[90 : 90 + self._side, left : left + self._side] = 255
        image[mask > 0] = COLOURS_BGR[self.name.partition("/")[0]]
        return image, mask


RED, GREEN = Square("red"), Square("green")


def scenes(way: str, start: int = 0) -> list[Scene]:
    return list(DisappearanceSequence(RED, GREEN, way, start).scenes())


def is_shown(scene: Scene, name: str) -> bool:
    return bool((np.abs(scene.image.astype(int) - COLOURS_BGR[name]).sum(axis=2) < 60).any())


# Sequences


@pytest.mark.parametrize("way", WAYS)
def test_the_target_is_shown_then_away_then_back(way: str) -> None:
    shown = scenes(way)
    pan = PAN_FRAMES if way == PAN else 0
    assert len(shown) == len(DisappearanceSequence(RED, GREEN, way, 0))
    away = [number for number, scene in enumerate(shown) if scene.visible == 0]
    assert len(away) >= AWAY_FRAMES
    assert away == list(range(away[0], away[-1] + 1))
    assert TRACKED_FRAMES <= away[0] < TRACKED_FRAMES + max(pan, 1)
    assert [scene.visible for scene in shown[-BACK_FRAMES:]] == [1.0] * BACK_FRAMES
    for scene in shown:
        assert is_shown(scene, "red") == bool(scene.mask.any()) == (scene.visible > 0)
        assert scene.image.shape == (240, 320, 3)


@pytest.mark.parametrize("start", [0, 1], ids=["left", "right"])
def test_a_pan_moves_the_image_and_its_mask_together(start: int) -> None:
    for scene in scenes(PAN, start):
        red = np.abs(scene.image.astype(int) - COLOURS_BGR["red"]).sum(axis=2) < 60
        assert np.array_equal(red, scene.mask > 0)


def test_a_cover_hides_the_target_wherever_it_is() -> None:
    scene = scenes("covered")[TRACKED_FRAMES + 3]
    _, mask = RED.frame(TRACKED_FRAMES + 3)
    own, _ = RED.frame(TRACKED_FRAMES + 3)
    assert not np.array_equal(scene.image[mask > 0], own[mask > 0])
    assert np.array_equal(scene.image[:60], own[:60])


def test_every_video_disappears_in_every_way_from_every_start() -> None:
    planned = make_disappearances([RED, GREEN], 3, {})
    ways = [way for way in WAYS if way != DISTRACTOR]
    assert len(planned) == 2 * len(ways) * 3
    assert {(each.video.name, each.way, each.start) for each in planned} == {
        (name, way, start) for name in COLOURS_BGR for way in ways for start in (0, 4, 8)
    }
    assert all(each.video is not each.other for each in planned)


# Distractors


class Named(Square):
    """A red square in a video with the name of a known one."""

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return RED.frame(number)


HIKE, SURF, CAR = Named("hike"), Named("surf"), Named("car-turn")
SCHOOL = [Named(f"davis2017_train_schoolgirls/{number}") for number in (1, 2)]
STILL = Square("red")


@pytest.mark.parametrize(
    ("videos", "stills", "expected"),
    [
        ([HIKE, SURF, CAR], {"person": [STILL], "car": [RED]}, [SURF, STILL, SURF]),
        ([HIKE, CAR], {"person": [STILL, RED]}, [STILL, RED, STILL]),
        ([HIKE, CAR], {"car": [STILL]}, [None]),
        ([SCHOOL[0], SCHOOL[1], HIKE], {}, [HIKE, HIKE]),
        ([RED, GREEN], {"person": [STILL], "": [STILL]}, [None]),
    ],
    ids=["videos first", "stills", "no other", "not of its own video", "unknown class"],
)
def test_a_distractor_has_the_class_of_the_target(
    videos: list[MaskedVideo],
    stills: dict[str, list[MaskedVideo]],
    expected: list[MaskedVideo | None],
) -> None:
    found = [choose_distractor(videos, stills, 0, number) for number in range(len(expected))]
    assert found == expected


def test_a_target_without_a_distractor_is_left_out_of_this_way_only() -> None:
    planned = make_disappearances([HIKE, CAR], 2, {"person": [STILL]})
    assert [(each.video, each.other) for each in planned if each.way == DISTRACTOR] == [
        (HIKE, STILL)
    ] * 2
    assert len([each for each in planned if each.video is CAR]) == 2 * (len(WAYS) - 1)


@pytest.mark.parametrize(
    ("side", "expected_xywh"),
    [(30, (135, 90, 60, 60)), (60, (115, 89, 63, 63)), (120, (115, 83, 126, 126))],
    ids=["enlarged", "as near as the scene allows", "never smaller than the scene allows"],
)
def test_a_distractor_is_shown_where_the_target_was_and_as_large(
    side: int, expected_xywh: tuple[int, int, int, int]
) -> None:
    last = RED.frame(TRACKED_FRAMES - 1)[1]
    assert mask_bounding_xywh(last) == (135, 90, 60, 60)
    view = DistractorView.place(last, Square("green", 110, side).frame(0)[1])
    scene = np.zeros((240, 320, 3), np.uint8)
    scene[90 : 90 + side, 110 : 110 + side] = COLOURS_BGR["green"]
    shown = [mask_bounding_xywh(view.show(scene, number)[..., 1] > 125) for number in (0, 7, 32)]
    left, *rest = expected_xywh
    for box_xywh, moved_px in zip(shown, (0, 7, 0), strict=True):
        assert box_xywh == pytest.approx((left - moved_px, *rest), abs=2)


def test_a_cut_to_a_distractor_fills_the_image_and_its_frames_differ() -> None:
    still = Named("hike")
    sequence = DisappearanceSequence(Named("surf"), still, DISTRACTOR, 0)
    away = [scene for scene in sequence.scenes() if scene.visible == 0]
    assert len(away) == AWAY_FRAMES
    for before, after in pairwise(away):
        assert not before.mask.any()
        assert not np.array_equal(before.image, after.image)
        assert after.image.shape == (240, 320, 3)


# Reports


def test_an_engine_that_knows_its_target_is_lost_in_time_and_comes_back() -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    for sequence in make_disappearances([RED, GREEN], 1, {}):
        found = evaluate_disappearance(tracker, sequence)
        assert found.was_tracked
        assert found.is_lost_in_time, found.way
        assert found.back_after is not None, found.way
        assert not found.is_wrong


def test_a_tracker_that_never_reports_lost_is_wrong() -> None:
    tracker = Tracker(FakeEngine(), TrackerConfig())
    found = evaluate_disappearance(tracker, DisappearanceSequence(RED, GREEN, "another scene", 0))
    assert found.lost_after is None
    assert not found.is_lost_in_time
    assert found.is_wrong


def reports(*pairs: tuple[Status, float], visible: float) -> tuple[FrameReport, ...]:
    return tuple(FrameReport(status, iou, visible) for status, iou in pairs)


GOOD = Disappearance(
    "made up",
    "covered",
    0,
    reports((T, 0.8), visible=1.0),
    reports((T, 0.0), (U, 0.0), *[(L, 0.0)] * 12, visible=0.0),
    reports((L, 0.0), (T, 0.3), (T, 0.6), visible=1.0),
)


def test_the_outcomes_of_a_disappearance() -> None:
    assert (GOOD.lost_after, GOOD.back_after) == (3, 3)
    assert GOOD.is_lost_in_time and GOOD.was_tracked and not GOOD.is_wrong


@pytest.mark.parametrize(
    ("part", "told", "visible", "is_wrong"),
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
def test_tracking_something_else_is_wrong(
    part: str, told: list[tuple[Status, float]], visible: float, is_wrong: bool
) -> None:
    found = replace(GOOD, **{part: reports(*told, visible=visible)})
    assert found.is_wrong == is_wrong


def test_a_target_that_was_lost_before_is_not_counted(tmp_path: Path) -> None:
    lost = replace(GOOD, before=reports((L, 0.0), visible=1.0))
    wrong = replace(GOOD, back=reports((T, 0.0), visible=1.0))
    found = [GOOD, lost, wrong]
    (row, total) = rates(found)
    assert (row.name, total.name, total.count, total.not_tracked) == ("covered", "all", 2, 1)
    assert (total.lost, total.right, total.wrong, total.back_after) == (1.0, 0.5, 0.5, 3)
    assert "1 are not counted" in table(found)
    summary, plot = write_report(tmp_path / "out", found, {"engine": "fake"})
    rows = json.loads(summary.read_text())["disappearances"]
    assert [each["tracked"] for each in rows] == [True, False, True]
    assert cv2.imread(str(plot)) is not None
