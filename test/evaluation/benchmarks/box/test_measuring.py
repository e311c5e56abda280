"""Success and precision: sums worked out by hand, one pass over a video, the report."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.box_videos import ScriptedTracker, write_moving_square, write_numbered
from support.fake_engine import FakeEngine

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.measuring import BoxResult, evaluate_boxes
from siammask_ros.evaluation.benchmarks.box.report import means_of, table, write_report
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence, box_sequences
from siammask_ros.evaluation.benchmarks.box_trackers import (
    BOX_KINDS,
    NanoBoxTracker,
    SiamMaskBoxTracker,
)
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker


def result(overlaps: list[float], distances: list[float]) -> BoxResult:
    return BoxResult("a", "b", (), tuple(overlaps), tuple(distances), (1.0,))


AUC = {
    # Above 0, 0.05, …, 0.95, but not above 1.
    "perfect": ([1.0], 20 / 21),
    "nothing": ([0.0], 0.0),
    # 2 of 3 above 0, 0.05, …, 0.45 (10 thresholds), 1 of 3 above 0.5, …, 0.95 (another 10).
    "three": ([1.0, 0.5, 0.0], (10 * 2 / 3 + 10 * 1 / 3) / 21),
    # At a threshold is not above it: 0, 0.05, …, 0.25 are 6.
    "at a threshold": ([0.3], 6 / 21),
    "just above it": ([0.3 + 1e-9], 7 / 21),
}


@pytest.mark.parametrize(("overlaps", "auc"), AUC.values(), ids=AUC)
def test_success_by_hand(overlaps: list[float], auc: float) -> None:
    assert result(overlaps, [0.0]).success_auc == pytest.approx(auc)


def test_precision_by_hand() -> None:
    judged = result([1.0], [0.0, 19.9, 20.0, 20.1])
    assert judged.precision_at_20_px == 3 / 4
    assert judged.precision[0] == 1 / 4
    assert judged.precision[50] == 1.0


def numbered(tmp_path: Path, lines: list[str]) -> BoxSequence:
    write_numbered(tmp_path, "a", lines)
    return box_sequences(tmp_path)[0]


def test_one_pass_compares_every_later_frame_with_its_own_truth(tmp_path: Path) -> None:
    sequence = numbered(tmp_path, ["10,10,20,20", "20,10,20,20", "nan,nan,nan,nan", "40,10,20,20"])
    # In frame 1 exact, in frame 3 ten to the left: half of it is on the target.
    box_tracker = ScriptedTracker(lambda number: RotatedBox(20.0 + 10 * min(number, 2), 20, 20, 20))
    frames = []
    judged = evaluate_boxes(box_tracker, sequence, lambda: frames.append(1))
    assert box_tracker.started == [(0, RotatedBox(20, 20, 20, 20))]
    assert [box[0] for box in judged.boxes_xywh] == [10, 20, 30, 30]
    # Frame 3: 10 × 20 of 400 + 400 − 200. The frame without a truth does not count.
    assert judged.overlaps == pytest.approx([1.0, 1 / 3])
    assert judged.distances_px == pytest.approx([0.0, 10.0])
    assert len(judged.step_ms) == 3
    assert len(frames) == 4


def test_a_rotated_box_counts_as_the_upright_one_around_it(tmp_path: Path) -> None:
    sequence = numbered(tmp_path, ["40,40,20,20"] * 2)
    # A square of 20/√2 on its corner is 20 wide and high.
    box_tracker = ScriptedTracker(lambda _: RotatedBox(50, 50, 200**0.5, 200**0.5, np.pi / 4))
    assert evaluate_boxes(box_tracker, sequence).overlaps == pytest.approx([1.0])


def test_a_video_that_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    box_tracker = ScriptedTracker(lambda _: RotatedBox(50, 50, 20, 20))
    for name, lines, words in (
        ("no start", ["nan,nan,nan,nan", "10,10,20,20"], "no box in its first frame"),
        ("no end", ["10,10,20,20", "0,0,0,0"], "first frame only"),
    ):
        with pytest.raises(DataError, match=words):
            evaluate_boxes(box_tracker, numbered(tmp_path / name, lines))
    tracker = SiamMaskBoxTracker(Tracker(FakeEngine(), find_preset("lite")), "fake")
    with pytest.raises(DataError, match="a cannot be started: box is 2"):
        evaluate_boxes(tracker, numbered(tmp_path / "tiny", ["10,10,2,2"] * 2))


@pytest.mark.parametrize("kind", BOX_KINDS)
def test_both_boxes_of_a_tracker_follow(tmp_path: Path, kind: str) -> None:
    write_moving_square(tmp_path, "square", 12)
    (sequence,) = box_sequences(tmp_path)
    box_tracker = SiamMaskBoxTracker(Tracker(FakeEngine(), find_preset("lite")), "fake", kind)
    judged = evaluate_boxes(box_tracker, sequence)
    assert judged.success_auc > 0.8
    assert judged.precision_at_20_px == 1.0


def test_missing_peer_is_named(tmp_path: Path) -> None:
    (tmp_path / "backbone.onnx").write_bytes(b"")
    with pytest.raises(DataError, match=r"head\.onnx is missing"):
        NanoBoxTracker(tmp_path / "backbone.onnx", tmp_path / "head.onnx")


def test_report_has_the_trackers_side_by_side(tmp_path: Path) -> None:
    boxes = ((1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0))
    results = [
        BoxResult(sequence, box_tracker, boxes, (overlap,), (distance,), (20.0, 20.0))
        for box_tracker, sequence, overlap, distance in (
            ("ours", "one", 1.0, 0.0),
            ("ours", "two", 0.0, 99.0),
            ("a peer", "one", 0.3, 0.0),
            ("a peer", "two", 0.3, 0.0),
        )
    ]
    assert means_of(results[:2]) == pytest.approx((10 / 21, 0.5))
    heading, columns, *lines = table(results).splitlines()
    assert heading.split() == ["ours", "a", "peer"]
    assert columns.count("AUC") == 2
    assert lines[0].split() == ["one", "1", "0.952", "1.000", "50.0", "0.286", "1.000", "50.0"]
    assert lines[1].split() == ["two", "1", "0.000", "0.000", "50.0", "0.286", "1.000", "50.0"]
    assert lines[2].split() == ["mean", "0.476", "0.500", "0.286", "1.000"]
    for name in ("one", "two"):
        write_numbered(tmp_path / "videos", name, ["1,2,3,4", "5,6,7,8"])
    sequences = box_sequences(tmp_path / "videos")
    summary, *images = write_report(tmp_path, sequences, results, {"engine": "fake"})
    read = json.loads(summary.read_text())
    assert [f["name"] for f in read["trackers"]] == ["ours", "a peer"]
    assert read["trackers"][0]["success_auc"] == pytest.approx(10 / 21, abs=1e-4)
    assert read["trackers"][0]["sequences"][0]["overlap_by_frame"] == [1.0]
    assert read["trackers"][1]["sequences"][1]["file_by_frame"] == ["00002.png"]
    assert read["made_with"] == {"engine": "fake"}
    assert [path.name for path in images] == ["curves.png", "best_and_worst.jpg"]
    assert all(cv2.imread(str(path)) is not None for path in images)
    kept = (tmp_path / "boxes" / "a_peer" / "two.txt").read_text().splitlines()
    assert kept == ["1.00,2.00,3.00,4.00", "5.00,6.00,7.00,8.00"]
