"""J and F: cases worked out by hand, vos-benchmark's numbers, and a whole run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.blobs import FRAMES, guess, truth, write_davis
from support.fake_engine import FakeEngine

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.davis.measuring import ObjectResult, evaluate_sequence
from siammask_ros.evaluation.benchmarks.davis.report import mean_measures, table, write_report
from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
from siammask_ros.evaluation.metrics.boundary import boundary_accuracy
from siammask_ros.evaluation.metrics.frame_statistics import Measure
from siammask_ros.evaluation.metrics.overlap import region_similarity
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker


def square(left: int, top: int, side: int = 40) -> np.ndarray:
    mask = np.zeros((240, 320), bool)
    mask[top : top + side, left : left + side] = True
    return mask


NOTHING = np.zeros((240, 320), bool)
# The diagonal is 400 px, so boundaries match within 0.8 % of it, rounded up: 4 px.
CASES = {
    "both empty": (NOTHING, NOTHING, 1.0, 1.0),
    "nothing found": (NOTHING, square(50, 50), 0.0, 0.0),
    "nothing there": (square(50, 50), NOTHING, 0.0, 0.0),
    "equal": (square(50, 50), square(50, 50), 1.0, 1.0),
    "at the border": (square(280, 200), square(280, 200), 1.0, 1.0),
    "apart": (square(50, 50), square(200, 150), 0.0, 0.0),
    "half": (square(50, 50) & (np.arange(320) < 70), square(50, 50), 0.5, None),
    "moved by 4": (square(54, 50), square(50, 50), 36 / 44, 1.0),
    "one of two": (square(50, 50), square(50, 50) | square(200, 150), 0.5, 2 / 3),
    "one too many": (square(50, 50) | square(200, 150), square(50, 50), 0.5, 2 / 3),
}


@pytest.mark.parametrize(("predicted", "true", "j", "f"), CASES.values(), ids=CASES)
def test_by_hand(predicted: np.ndarray, true: np.ndarray, j: float, f: float | None) -> None:
    assert region_similarity(predicted, true) == pytest.approx(j)
    if f is not None:
        assert boundary_accuracy(predicted, true) == pytest.approx(f)


def test_boundaries_beyond_the_radius_do_not_match() -> None:
    assert boundary_accuracy(square(54, 54), square(50, 50)) == pytest.approx(1.0, abs=0.05)
    assert boundary_accuracy(square(56, 56), square(50, 50)) < 0.2


# What vos-benchmark 0.1.0 (PyPI) gave for the masks of blobs.py written as PNG, in percent.
VOS_BENCHMARK = [
    (1, 1, 42.33509313526736, 33.16718786271464),
    (2, 1, 43.144862186610474, 36.728399011560654),
    (2, 2, 44.8873705907474, 37.666052677033),
]


@pytest.mark.parametrize(("objects", "label", "j", "f"), VOS_BENCHMARK)
def test_equal_to_vos_benchmark(objects: int, label: int, j: float, f: float) -> None:
    pairs = [
        (guess(frame, objects) == label, truth(frame, objects) == label)
        for frame in range(1, FRAMES - 1)
    ]
    assert 100 * np.mean([region_similarity(*pair) for pair in pairs]) == pytest.approx(j, abs=1e-6)
    assert 100 * np.mean([boundary_accuracy(*pair) for pair in pairs]) == pytest.approx(f, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.8], (0.8, 1.0, 0.0)),
        ([1.0] * 4 + [0.0] * 4, (0.5, 0.5, 1.0)),
        ([0.5] * 9, (0.5, 0.0, 0.0)),
        # Quarters of nine frames: 1-3, 3-5, 5-7, 7-9.
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], (0.5, 4 / 9, 0.6)),
    ],
)
def test_measure(values: list[float], expected: tuple[float, float, float]) -> None:
    measure = Measure.of(values)
    assert (measure.mean, measure.recall, measure.decay) == pytest.approx(expected)


def run(root: Path, year: int, name: str) -> list[ObjectResult]:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    (sequence,) = davis_sequences(root, year, [name])
    return evaluate_sequence(tracker, sequence, root / "out" / "masks")


def test_run_follows_the_object_and_leaves_its_masks(tmp_path: Path) -> None:
    write_davis(tmp_path, "one", 1)
    (result,) = run(tmp_path, 2016, "one")
    assert len(result.j) == len(result.f) == len(result.step_ms) == FRAMES - 2
    assert result.untracked == 1, "the object is hidden in one frame"
    assert result.j[4] == 1.0, "in that frame nothing is there and nothing was said to be"
    assert min(result.j) > 0.65
    masks = sorted((tmp_path / "out" / "masks" / "one").glob("*.png"))
    assert len(masks) == FRAMES
    for frame in (1, 7):
        mask = cv2.imread(str(masks[frame]), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(mask)) == {0, 255}
        judged = region_similarity(mask, truth(frame, 1))
        assert judged == pytest.approx(result.j[frame - 1]), "others get our number from the PNGs"


def test_run_follows_every_object_of_2017(tmp_path: Path) -> None:
    write_davis(tmp_path, "two", 2, coloured=True)
    results = run(tmp_path, 2017, "two")
    assert [result.name for result in results] == ["two/1", "two/2"]
    assert all(np.mean(result.j) > 0.65 for result in results)


def test_all_pictures_are_followed_and_those_with_a_mask_judged(tmp_path: Path) -> None:
    write_davis(tmp_path, "one", 1)
    (whole,) = run(tmp_path, 2016, "one")
    masks = tmp_path / "out" / "masks" / "one"
    predicted = {path.name: path.read_bytes() for path in masks.iterdir()}
    judged = (3, 6, 9)
    for number in set(range(1, FRAMES)) - set(judged):
        (tmp_path / "Annotations" / "480p" / "one" / f"{number:05d}.png").unlink()
    (sparse,) = run(tmp_path, 2016, "one")
    assert sparse.j == tuple(whole.j[number - 1] for number in judged)
    assert sparse.f == tuple(whole.f[number - 1] for number in judged)
    assert {path.name: path.read_bytes() for path in masks.iterdir()} == predicted
    sequences = davis_sequences(tmp_path, 2016)
    summary, *images = write_report(tmp_path / "out", sequences, [sparse], {})
    told = json.loads(summary.read_text())["objects"][0]
    assert told["file_by_frame"] == [f"{number:05d}.jpg" for number in judged]
    assert all(cv2.imread(str(path)) is not None for path in images)


def test_an_object_that_comes_later_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_davis(tmp_path, "two", 2)
    path = tmp_path / "Annotations" / "480p" / "two" / "00000.png"
    cv2.imwrite(str(path), truth(0, 1))
    (result,) = run(tmp_path, 2017, "two")
    assert result.name == "two/1"
    assert "two: the objects 2 are not in the first mask and were not tracked" in caplog.text


def test_16_bit_object_numbers_come_back_in_the_masks(tmp_path: Path) -> None:
    write_davis(tmp_path, "two", 2)
    for path in (tmp_path / "Annotations" / "480p" / "two").glob("*.png"):
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.array([0, 1001, 2025], np.uint16)[labels])
    results = run(tmp_path, 2017, "two")
    assert [result.name for result in results] == ["two/1001", "two/2025"]
    assert all(np.mean(result.j) > 0.65 for result in results)
    mask = cv2.imread(str(tmp_path / "out/masks/two/00007.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) == {0, 1001, 2025}
    judged = region_similarity(mask == 1001, truth(7, 2) == 1)
    assert judged == pytest.approx(results[0].j[6])


def test_colours_that_are_no_numbers_are_refused_where_masks_are_written(tmp_path: Path) -> None:
    write_davis(tmp_path, "two", 2)
    path = tmp_path / "Annotations" / "480p" / "two" / "00000.png"
    colours = np.array([(0, 0, 0), (0, 0, 255), (0, 255, 0)], np.uint8)
    cv2.imwrite(str(path), colours[truth(0, 2)])
    assert run(tmp_path, 2016, "two"), "one target, whatever its colours"
    with pytest.raises(DataError, match=r"00000\.png has colours that are not DAVIS's palette"):
        run(tmp_path, 2017, "two")


def test_run_without_an_object_is_refused(tmp_path: Path) -> None:
    write_davis(tmp_path, "one", 1)
    path = tmp_path / "Annotations" / "480p" / "one" / "00000.png"
    cv2.imwrite(str(path), np.zeros((240, 320), np.uint8))
    with pytest.raises(DataError, match="is empty"):
        run(tmp_path, 2016, "one")


def test_report_says_what_was_measured(tmp_path: Path) -> None:
    write_davis(tmp_path, "one", 1)
    write_davis(tmp_path, "two", 2, coloured=True)
    sequences = davis_sequences(tmp_path, 2017)
    results = run(tmp_path, 2017, "one") + run(tmp_path, 2017, "two")
    j, _ = mean_measures(results)
    lines = table(results).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["one", "two/1", "two/2", "mean"]
    assert f"{j.mean:.3f}" in lines[-1]
    files = write_report(tmp_path / "out", sequences, results, {"engine": "fake"})
    summary = json.loads(files[0].read_text())
    assert summary["j"]["mean"] == pytest.approx(np.mean([np.mean(r.j) for r in results]), abs=1e-4)
    assert summary["made_with"] == {"engine": "fake"}
    assert [item["name"] for item in summary["objects"]] == ["one", "two/1", "two/2"]
    assert all(cv2.imread(str(path)) is not None for path in files[1:])
