"""Restarts, accuracy, robustness and EAO: every number worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.box_videos import ScriptedTracker, write_moving_square, write_numbered
from support.fake_engine import FakeEngine

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence, box_sequences
from siammask_ros.evaluation.benchmarks.box_trackers import SiamMaskBoxTracker
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_polygon
from siammask_ros.evaluation.benchmarks.vot.measuring import (
    FAILURE,
    SKIPPED,
    START,
    VotResult,
    evaluate_trajectory,
    expected_overlap,
    score,
    track_with_restarts,
)
from siammask_ros.evaluation.benchmarks.vot.report import table, write_report
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

TRUTH = "20,20,20,20"
ON = RotatedBox(30, 30, 20, 20)
HALF = RotatedBox(30, 30, 10, 20)
AWAY = RotatedBox(80, 80, 20, 20)
SIZE = (100, 100)


def sequence_of(tmp_path: Path, lines: list[str]) -> BoxSequence:
    write_numbered(tmp_path, "a", lines)
    return box_sequences(tmp_path)[0]


def half_then_away_then_half_then_on(number: int) -> RotatedBox:
    if number == 15:
        return AWAY
    return HALF if number < 30 else ON


@pytest.fixture
def worked_out(tmp_path: Path) -> VotResult:
    """40 frames: overlap 0.5, a failure in frame 15, 0.5 again, 1 from frame 30 on."""
    sequence = sequence_of(tmp_path, [TRUTH] * 40)
    box_tracker = ScriptedTracker(half_then_away_then_half_then_on)
    return evaluate_trajectory(sequence, track_with_restarts(box_tracker, sequence), SIZE)


def test_a_failure_is_followed_by_four_skipped_frames_and_a_start(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, [TRUTH] * 40)
    box_tracker = ScriptedTracker(half_then_away_then_half_then_on)
    frames = []
    trajectory = track_with_restarts(box_tracker, sequence, lambda: frames.append(1))
    marks = {number: entry for number, entry in enumerate(trajectory) if isinstance(entry, int)}
    skipped = dict.fromkeys((16, 17, 18, 19), SKIPPED)
    assert marks == {0: START, 15: FAILURE, **skipped, 20: START}
    assert np.array_equal(trajectory[14], HALF.corners_xy)
    assert box_tracker.started == [(0, ON), (20, ON)]
    assert len(frames) == 40


def test_accuracy_and_robustness_by_hand(worked_out: VotResult) -> None:
    # Frames 0–9 and 20–29 are burn-in, 15–19 have no overlap. What counts: 10–14 with 0.5 each
    # and 30–39 with 1 each, so (5 · 0.5 + 10 · 1) / 15.
    assert len(worked_out.counted) == 15
    assert worked_out.accuracy == pytest.approx(12.5 / 15)
    assert worked_out.starts == (0, 20)
    assert worked_out.failures == (15,)
    # 1 failure in 40 frames.
    assert worked_out.failures_per_100_frames == pytest.approx(2.5)


def test_expected_overlap_by_hand(worked_out: VotResult) -> None:
    curve = expected_overlap([worked_out])
    assert len(curve) == 40
    assert curve[0] == 1.0
    # Two runs. The first, from frame 0: 0.5 in its frames 1 to 14, then zeros for ever. The
    # second, from frame 20: 0.5 in its frames 1 to 9, 1 in its frames 10 to 19, then it ends.
    # 5 frames: 4 that count, 0.5 in both runs.
    assert curve[4] == pytest.approx(0.5)
    # 20 frames: (14 · 0.5) / 19 and (9 · 0.5 + 10) / 19, the mean of both.
    assert curve[19] == pytest.approx((7 / 19 + 14.5 / 19) / 2)
    # 21 frames and more: only the first run is as long, 7 / 20, 7 / 21, …
    assert curve[20] == pytest.approx(7 / 20)
    assert curve[39] == pytest.approx(7 / 39)


def test_eao_is_the_mean_over_the_lengths_asked_for(worked_out: VotResult) -> None:
    eao = score([worked_out], (20, 22)).eao
    assert eao == pytest.approx(((7 / 19 + 14.5 / 19) / 2 + 7 / 20 + 7 / 21) / 3)
    # Beyond the longest sequence nothing is known; what is known still counts.
    assert score([worked_out], (40, 99)).eao == pytest.approx(7 / 39)
    assert math.isnan(score([worked_out], (41, 99)).eao)


def test_sequences_are_pooled_by_frames(worked_out: VotResult) -> None:
    # Another one of 20 frames with an overlap of 0.2: 10 frames count after the burn-in.
    other = VotResult("b", (math.nan, *[0.2] * 19), (0,), ())
    assert other.accuracy == pytest.approx(0.2)
    both = score([worked_out, other], (20, 20))
    assert both.accuracy == pytest.approx((12.5 + 10 * 0.2) / 25)
    assert both.failures_per_sequence == 0.5
    assert both.failures_per_100_frames == pytest.approx(100 / 60)
    # Three runs of at least 20 frames, each with its own mean.
    assert both.eao == pytest.approx((7 / 19 + 14.5 / 19 + 0.2) / 3)


def test_a_run_that_has_not_failed_says_nothing_of_greater_lengths() -> None:
    long = VotResult("long", (math.nan, *[0.8] * 9), (0,), ())
    short = VotResult("short", (math.nan, *[0.4] * 4), (0,), ())
    curve = expected_overlap([long, short])
    assert curve[1:5] == pytest.approx([0.6] * 4)
    assert curve[5:] == pytest.approx([0.8] * 5)


def test_a_perfect_and_a_hopeless_tracker(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, [TRUTH] * 30)
    perfect = evaluate_trajectory(
        sequence, track_with_restarts(ScriptedTracker(lambda _: ON), sequence), SIZE
    )
    total = score([perfect], (10, 30))
    assert (total.accuracy, total.failures_per_100_frames, total.eao) == (1.0, 0.0, 1.0)
    hopeless = evaluate_trajectory(
        sequence, track_with_restarts(ScriptedTracker(lambda _: AWAY), sequence), SIZE
    )
    # A start, a failure in the next frame and 4 skipped: six frames, five times.
    assert hopeless.starts == (0, 6, 12, 18, 24)
    assert hopeless.failures == (1, 7, 13, 19, 25)
    total = score([hopeless], (10, 30))
    assert math.isnan(total.accuracy), "no frame counts"
    assert total.failures_per_100_frames == pytest.approx(100 * 5 / 30)
    assert total.eao == 0.0


def test_a_failure_at_the_end_is_not_started_again(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, [TRUTH] * 8)
    box_tracker = ScriptedTracker(lambda number: AWAY if number == 4 else ON)
    trajectory = track_with_restarts(box_tracker, sequence)
    assert trajectory[4:] == [FAILURE, SKIPPED, SKIPPED, SKIPPED]
    # 3 frames with an overlap of 1, then zeros: over 8 frames 3 / 7.
    assert expected_overlap([evaluate_trajectory(sequence, trajectory, SIZE)])[7] == pytest.approx(
        3 / 7
    )


def test_overlap_is_that_of_polygons_in_the_picture(tmp_path: Path) -> None:
    # A square of 20 px turned by an eighth against itself upright: 1 / √2 (test_overlap.py).
    # Then the truth reaches over the border and only its half in the picture counts.
    sequence = sequence_of(tmp_path, [TRUTH, TRUTH, "-10,20,20,20"])
    boxes = {1: RotatedBox(30, 30, 20, 20, math.pi / 4), 2: RotatedBox(5, 30, 10, 20)}
    trajectory = track_with_restarts(ScriptedTracker(boxes.__getitem__), sequence)
    overlaps = evaluate_trajectory(sequence, trajectory, SIZE).overlaps
    assert overlaps[1:] == pytest.approx([1 / math.sqrt(2), 1.0])


def test_an_absent_target_is_no_failure_and_no_place_to_start(tmp_path: Path) -> None:
    absent = "nan,nan,nan,nan"
    lines = [absent, TRUTH, absent, TRUTH, *[absent] * 5, TRUTH, TRUTH]
    box_tracker = ScriptedTracker(lambda number: AWAY if number < 9 else ON)
    sequence = sequence_of(tmp_path, lines)
    trajectory = track_with_restarts(box_tracker, sequence)
    marks = [entry if isinstance(entry, int) else "region" for entry in trajectory]
    assert marks == [0, 1, "region", 2, 0, 0, 0, 0, 0, 1, "region"]
    overlaps = evaluate_trajectory(sequence, trajectory, SIZE).overlaps
    assert math.isnan(overlaps[2])
    assert overlaps[10] == 1.0


def test_start_box_is_as_large_as_the_polygon() -> None:
    # A rectangle of 30 × 40 on its side, its corners' mean at (50, 60). Bounding box and area:
    # cos = 0.6 and sin = 0.8 make it 30 · 0.6 + 40 · 0.8 = 50 wide, 30 · 0.8 + 40 · 0.6 = 48
    # high; s = √(30 · 40 / (50 · 48)) = √0.5.
    turned = RotatedBox(50, 60, 30, 40, math.atan2(0.8, 0.6))
    box = start_box_of_polygon(turned.corners_xy)
    assert (box.x, box.y, box.theta) == pytest.approx((50, 60, 0))
    assert box.width == pytest.approx(math.sqrt(0.5) * 50 + 1)
    assert box.height == pytest.approx(math.sqrt(0.5) * 48 + 1)


def test_upright_truth_is_the_start_box_itself() -> None:
    assert start_box_of_polygon(ON.corners_xy, is_upright=True) == ON
    small = start_box_of_polygon(RotatedBox(5, 5, 3, 20).corners_xy, is_upright=True)
    assert (small.width, small.height) == (8, 20), "no tracker starts from less than 8 px"


def tracker() -> SiamMaskBoxTracker:
    return SiamMaskBoxTracker(Tracker(FakeEngine(), find_preset("lite")), "fake")


def test_a_target_all_but_outside_is_started_when_it_is_in(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, ["-18,20,20,20", "-17,20,20,20", "20,20,20,20", TRUTH])
    trajectory = track_with_restarts(tracker(), sequence)
    assert trajectory[:3] == [SKIPPED, SKIPPED, START]


def test_a_sequence_without_a_start_is_refused(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, ["-30,20,20,20"] * 3)
    with pytest.raises(DataError, match="no frame to start from"):
        track_with_restarts(tracker(), sequence)


def test_results_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    sequence = sequence_of(tmp_path, [TRUTH] * 3)
    region = ON.corners_xy
    with pytest.raises(DataError, match="a has 3 frames and its result 2"):
        evaluate_trajectory(sequence, [START, region], SIZE)
    with pytest.raises(DataError, match="no start before"):
        evaluate_trajectory(sequence, [SKIPPED, region, region], SIZE)


def test_a_whole_run_with_polygons(tmp_path: Path) -> None:
    write_moving_square(tmp_path, "square", 14, as_polygons=True)
    (sequence,) = box_sequences(tmp_path)
    result = evaluate_trajectory(sequence, track_with_restarts(tracker(), sequence), (240, 320))
    assert not result.failures
    assert result.accuracy > 0.85


def test_report_says_what_was_measured(tmp_path: Path, worked_out: VotResult) -> None:
    total = score([worked_out], (20, 22))
    lines = table([worked_out], total).splitlines()
    assert lines[1].split() == ["a", "40", "0.833", "1", "2.500"]
    assert lines[2].split() == ["all", "40", "0.833", "1.00", "each", "2.500", f"{total.eao:.3f}"]
    assert lines[3] == "EAO: sequences of 20 to 22 frames; the longest here has 40"
    sequence = sequence_of(tmp_path / "videos", [TRUTH] * 40)
    summary, picture = write_report(
        tmp_path / "out", [sequence], [worked_out], total, {"engine": "fake"}
    )
    read = json.loads(summary.read_text())
    assert read["eao"] == pytest.approx(total.eao, abs=1e-4)
    assert read["sequences"][0]["failures"] == [15]
    assert read["sequences"][0]["overlap_by_frame"][:2] == [None, 0.5]
    assert read["sequences"][0]["file_by_frame"][:2] == ["00001.png", "00002.png"]
    assert read["made_with"] == {"engine": "fake"}
    assert cv2.imread(str(picture)) is not None


def test_report_without_an_eao_says_so(tmp_path: Path, worked_out: VotResult) -> None:
    total = score([worked_out])
    assert table([worked_out], total).splitlines()[2].split()[-1] == "–"
    sequence = sequence_of(tmp_path / "videos", [TRUTH] * 40)
    summary, _ = write_report(tmp_path / "out", [sequence], [worked_out], total, {})
    assert json.loads(summary.read_text())["eao"] is None
