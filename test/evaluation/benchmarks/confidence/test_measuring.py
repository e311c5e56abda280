"""What a score is worth: AUROC by hand-made cases, and the looks at a made-up pair of videos."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_engine import FakeEngine

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.confidence.kinds import KindFigures
from siammask_ros.evaluation.benchmarks.confidence.measuring import (
    ABSENT,
    SHOWN,
    ScoreSample,
    fraction_above,
    measure_scores,
)
from siammask_ros.evaluation.benchmarks.confidence.report import states_table, table, write_report
from siammask_ros.evaluation.benchmarks.confidence.tracked_states import (
    TrackedFrame,
    state_figures,
    track_states,
)
from siammask_ros.evaluation.metrics.auroc import auroc
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

FRAMES = 5


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
        ([0.1], [0.9, 0.8], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.4, 0.8], [0.3, 0.6], 0.75),
        ([1.0, 0.5], [0.5, 0.0], 0.875),
    ],
    ids=["apart", "upside down", "all equal", "one of four wrong", "a tie"],
)
def test_auroc_is_the_chance_that_a_good_one_scores_higher(
    good: list[float], bad: list[float], expected: float
) -> None:
    assert auroc(good, bad) == pytest.approx(expected)


def test_the_share_above_falls_from_all_to_none() -> None:
    shares = fraction_above([0.25, 0.5])
    assert shares[[0, 25, 26, 50, 51, 100]].tolist() == [1.0, 1.0, 0.5, 0.5, 0.0, 0.0]


class Square:
    """A square of one colour that moves over dark noise."""

    def __init__(self, name: str, colour_bgr: tuple[int, int, int]) -> None:
        self.name = name
        self._colour = colour_bgr

    def __len__(self) -> int:
        return FRAMES

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        rng = np.random.default_rng(number)
        picture = rng.integers(0, 40, (240, 320, 3), np.uint8)
        mask = np.zeros((240, 320), np.uint8)
        mask[90:150, 120 + 5 * number : 180 + 5 * number] = 1
        picture[mask > 0] = self._colour
        return picture, mask


@pytest.fixture
def found() -> list[ScoreSample]:
    videos = [Square("red", (20, 20, 250)), Square("green", (20, 250, 20))]
    return measure_scores(Tracker(FakeEngine(), find_preset("lite")), videos)


def test_every_frame_is_looked_at_in_all_ways(found: list[ScoreSample]) -> None:
    for kind in (SHOWN, *ABSENT):
        assert len([look for look in found if look.kind == kind]) == 2 * (FRAMES - 1), kind


def test_an_engine_that_knows_its_target_is_told_apart(found: list[ScoreSample]) -> None:
    shown = [look for look in found if look.kind == SHOWN]
    assert min(look.iou for look in shown) > 0.8
    assert min(look.score for look in shown) == 1
    assert max(look.score for look in found if look.kind != SHOWN) == 0


def test_one_video_is_not_enough() -> None:
    with pytest.raises(DataError, match="two videos at least"):
        measure_scores(Tracker(FakeEngine(), find_preset("lite")), [Square("red", (20, 20, 250))])


def test_the_report_tells_what_the_thresholds_keep(
    found: list[ScoreSample], tmp_path: Path
) -> None:
    config = find_preset("lite")
    said = table(found, config)
    assert f"at lost_score {config.lost_score:.2f} or above: 100.0% of the frames" in said
    assert said.count(" 1.000") == len(ABSENT) + 1
    tracked = [TrackedFrame("red", 0.8, Status.TRACKING, 0.8, 0.9)]
    kinds = [KindFigures("person", 1, 0.8, 0.9)]
    summary, picture = write_report(
        tmp_path / "out", found, tracked, kinds, config, {"engine": "fake"}
    )
    content = json.loads(summary.read_text())
    assert content["states"]["figures"]["mean_j"] == 0.8
    assert content["kinds"] == [
        {"kind": "person", "videos": 1, "mean_j": 0.8, "mean_j_never_lost": 0.9}
    ]
    assert cv2.imread(str(picture)) is not None


class DisappearingSquare(Square):
    """A square that is covered by one of another colour from its third frame on."""

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        picture, mask = super().frame(number)
        if number >= 2:
            picture[mask > 0] = (250, 250, 250)
        return picture, mask


def test_both_runs_see_the_same_frames() -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    frames = track_states(
        tracker, [Square("red", (20, 20, 250)), DisappearingSquare("gone", (20, 250, 20))]
    )
    assert len(frames) == 2 * (FRAMES - 1)
    red = [frame for frame in frames if frame.video == "red"]
    assert min(frame.j for frame in red) > 0.8
    assert [frame.j for frame in red] == [frame.j_never_lost for frame in red]
    gone = [frame for frame in frames if frame.video == "gone"][1:]
    assert [frame.status for frame in gone][-1] == Status.LOST
    assert max(frame.score for frame in gone) == 0


def test_the_figures_of_hand_made_frames() -> None:
    tracking, uncertain, lost = Status.TRACKING, Status.UNCERTAIN, Status.LOST
    frames = [
        TrackedFrame("a", 0.8, tracking, 0.8, 0.9),
        TrackedFrame("a", 0.0, lost, 0.6, 0.2),
        TrackedFrame("a", 0.3, tracking, 0.3, 0.5),
        TrackedFrame("b", 0.0, tracking, 0.05, 0.4),
        TrackedFrame("b", 0.0, uncertain, 0.0, 0.1),
    ]
    figures = state_figures(frames)
    assert (figures.frames, figures.good, figures.failed) == (5, 2, 2)
    assert figures.auroc == 0.75
    assert figures.good_called_lost == 0.5
    assert figures.failed_called_tracking == 0.5
    assert figures.mean_j == pytest.approx((1.1 / 3 + 0.0) / 2)
    assert figures.mean_j_never_lost == pytest.approx((1.7 / 3 + 0.05 / 2) / 2)
    head, first, _, everything = states_table(frames).splitlines()
    assert "good LOST" in head and "50.0%" in first and everything.startswith("all")
    assert "–" in first, "no frame of this video failed: there is no AUROC"
