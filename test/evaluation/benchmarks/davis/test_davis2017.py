"""Several objects in a sequence, as in DAVIS-2017: who gets a pixel, and the whole command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.blobs import FRAMES, truth, write_davis, write_palette_png
from support.fake_engine import FakeEngine

from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask
from siammask_ros.evaluation.metrics.overlap import region_similarity
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.masks import RegionMask
from siammask_ros.tracker.targets import Status, TargetResult
from siammask_ros.tracker.tracker import Tracker

SIZE = (60, 80)


def test_the_command_follows_two_objects_drawn_with_a_palette(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_davis(tmp_path, "two", 2, coloured=True)
    annotation = tmp_path / "Annotations" / "480p" / "two" / "00000.png"
    with Image.open(annotation) as picture:
        assert picture.mode == "P", "as in DAVIS-2017 itself"
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: tracker)
    out = tmp_path / "out"
    assert cli.main(["eval", "davis", str(tmp_path), "--year", "2017", "--out", str(out)]) == 0
    assert "two/2" in capsys.readouterr().out
    objects = json.loads((out / "summary.json").read_text())["objects"]
    assert [item["name"] for item in objects] == ["two/1", "two/2"]
    assert all(item["j"]["mean"] > 0.65 for item in objects)
    for frame in (3, FRAMES - 2):
        labels = cv2.imread(str(out / "masks" / "two" / f"{frame:05d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.unique(labels).tolist() == [0, 1, 2]
        for item, label in zip(objects, (1, 2), strict=True):
            judged = region_similarity(labels == label, truth(frame, 2) == label)
            assert item["j_by_frame"][frame - 1] == pytest.approx(judged, abs=1e-4)


class OverlappingTracker:
    """Says of every target that it is the same large square, with a value of its own."""

    def __init__(self, values: Sequence[float]) -> None:
        self._values = values

    def start(self, image: np.ndarray, boxes: Sequence[RotatedBox]) -> list[int]:
        return list(range(len(boxes)))

    def step(self, image: np.ndarray, states: list[int]) -> tuple[list[TargetResult], list[int]]:
        return [self._result(self._values[state]) for state in states], states

    def _result(self, value: float) -> TargetResult:
        mask = RegionMask(
            20, 20, np.full((20, 20), value, np.float32), np.ones((20, 20), np.uint8), SIZE
        )
        box = RotatedBox(30.0, 30.0, 20.0, 20.0)
        outline = np.zeros((0, 2), np.int32)
        return TargetResult(Status.TRACKING, "", 1.0, box, box.bounding_xywh, mask, outline)


def write_side_by_side(root: Path) -> None:
    """Objects 2 and 5 as the left and the right half of a square; there is no 1."""
    labels = np.zeros(SIZE, np.uint8)
    labels[20:40, 20:30], labels[20:40, 30:40] = 2, 5
    images, annotations = (root / kind / "480p" / "pair" for kind in ("JPEGImages", "Annotations"))
    for folder in (images, annotations):
        folder.mkdir(parents=True)
    for frame in range(4):
        cv2.imwrite(str(images / f"{frame:05d}.jpg"), np.zeros((*SIZE, 3), np.uint8))
        write_palette_png(annotations / f"{frame:05d}.png", labels)


@pytest.mark.parametrize(
    ("values", "j"),
    [((0.6, 0.9), (0.0, 0.5)), ((0.9, 0.6), (0.5, 0.0)), ((0.7, 0.7), (0.5, 0.0))],
    ids=["the second is surer", "the first is surer", "both are as sure"],
)
def test_a_pixel_that_two_objects_claim_counts_for_one(
    values: tuple[float, float], j: tuple[float, float], tmp_path: Path
) -> None:
    write_side_by_side(tmp_path)
    (sequence,) = davis_sequences(tmp_path, 2017)
    results = evaluate_sequence(OverlappingTracker(values), sequence, tmp_path / "masks")
    assert [result.name for result in results] == ["pair/2", "pair/5"]
    assert [result.j for result in results] == [(each, each) for each in j]
    written = cv2.imread(str(tmp_path / "masks" / "pair" / "00002.png"), cv2.IMREAD_UNCHANGED)
    assert np.unique(written).tolist() == [0, 5 if values[1] > values[0] else 2]


@pytest.mark.parametrize(
    ("rows", "columns", "expected_xywh"),
    [
        (slice(10, 30), slice(20, 60), (20, 10, 40, 20)),
        (slice(0, 2), slice(0, 3), (0, 0, 8, 8)),
        (slice(59, 60), slice(30, 31), (26.5, 52, 8, 8)),
        (slice(20, 40), slice(79, 80), (72, 20, 8, 20)),
    ],
    ids=["large", "corner", "lower border", "right border"],
)
def test_a_sliver_at_the_border_can_be_started_from(
    rows: slice, columns: slice, expected_xywh: tuple[float, float, float, float]
) -> None:
    mask = np.zeros(SIZE, np.bool_)
    mask[rows, columns] = True
    box = start_box_of_mask(mask)
    assert box.bounding_xywh == pytest.approx(expected_xywh)
    assert validate_init_box(box, width_px=SIZE[1], height_px=SIZE[0]) == box
