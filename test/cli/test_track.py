"""`siammask track` as people of video object segmentation use it: many targets, masks, pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.documented_rows import check_row, read_rows
from support.fake_engine import FakeEngine
from support.moving_square import SIDE_PX, picture, square_box

from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.cli.track import NOT_RECORDED, NOT_TRACKED
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.media.labels import read_labels
from siammask_ros.media.mask_images import encode_palette_png
from siammask_ros.media.recording import VideoRecorder
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

ROOT = Path(__file__).resolve().parent.parent.parent
FRAMES = 6
BLUE_BGR = (200, 80, 20)
BOX = ",".join(str(value) for value in square_box(0).bounding_xywh)
# The second target stands still.
BLUE_BOX = "30,20,48,48"


def two_squares(index: int) -> np.ndarray:
    image = picture(index)
    image[20:68, 30:78] = BLUE_BGR
    return image


def truth(index: int) -> np.ndarray:
    """The labels of a frame: 1 the orange square, 2 the blue one."""
    labels = np.zeros((240, 320), np.uint8)
    left, top, _, _ = (round(value) for value in square_box(index).bounding_xywh)
    labels[top : top + SIDE_PX, left : left + SIDE_PX] = 1
    labels[20:68, 30:78] = 2
    return labels


@pytest.fixture(autouse=True)
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: tracker)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "squares.avi"
    with VideoRecorder(path, 25, (240, 320)) as recorder:
        for index in range(FRAMES):
            recorder.write(two_squares(index))
    return path


def iou(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((ours & theirs).sum() / (ours | theirs).sum())


def test_several_boxes_are_several_targets(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    boxes = ["--box", BOX, "--box", BLUE_BOX]
    assert cli.main(["track", str(video), *boxes, "--json", str(rows)]) == 0
    for index, row in enumerate(read_rows(rows)):
        moving, still = row["targets"]
        assert (moving["id"], still["id"]) == ("1", "2")
        assert abs(moving["box"]["x"] - square_box(index).x) < 4
        assert abs(still["box"]["x"] - 54) < 4
    words = capsys.readouterr().out
    assert f"target 1 tracked in {FRAMES}, target 2 tracked in {FRAMES}" in words


def test_contours_filled_are_the_mask(video: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    assert cli.main(["track", str(video), "--box", BOX, "--json", str(rows)]) == 0
    for row in read_rows(rows):
        (target,) = row["targets"]
        mask = np.zeros((240, 320), np.uint8)
        cv2.fillPoly(mask, [np.array(each, np.int32) for each in target["contours"]], 1)
        assert mask.sum() == target["mask_area_px"]
        assert iou(mask > 0, truth(row["frame"]) == 1) > 0.8


def test_masks_are_written_as_davis_has_them(video: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    boxes = ["--box", BOX, "--box", BLUE_BOX]
    assert cli.main(["track", str(video), *boxes, "--masks", str(masks)]) == 0
    names = [path.name for path in sorted(masks.iterdir())]
    assert names == [f"{index:05d}.png" for index in range(FRAMES)]
    for index, name in enumerate(names):
        labels = read_labels(masks / name)
        for label in (1, 2):
            assert iou(labels == label, truth(index) == label) > 0.8


def test_masks_of_a_folder_have_the_names_of_its_images(tmp_path: Path) -> None:
    folder, masks = tmp_path / "images", tmp_path / "masks"
    folder.mkdir()
    for index in (7, 8, 9):
        cv2.imwrite(str(folder / f"shot_{index}.png"), two_squares(index))
    box = ",".join(str(value) for value in square_box(7).bounding_xywh)
    assert cli.main(["track", str(folder), "--box", box, "--masks", str(masks)]) == 0
    assert {path.name for path in masks.iterdir()} == {f"shot_{n}.png" for n in (7, 8, 9)}


def test_the_objects_of_a_first_mask_keep_their_numbers(video: Path, tmp_path: Path) -> None:
    first, rows = tmp_path / "first.png", tmp_path / "rows.jsonl"
    # Object 3 is the blue square; the box, too, needs a number.
    first.write_bytes(encode_palette_png(np.where(truth(0) == 2, 3, 0).astype(np.uint8)))
    arguments = ["track", str(video), "--mask", str(first), "--box", BOX, "--json", str(rows)]
    assert cli.main(arguments) == 0
    for row in read_rows(rows):
        blue, orange = row["targets"]
        assert (blue["id"], orange["id"]) == ("3", "1")
        assert abs(blue["box"]["x"] - 54) < 4


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((240, 320), np.uint8), "is empty"),
        (np.ones((100, 100), np.uint8), "expected 320×240"),
    ],
    ids=["empty", "another size"],
)
def test_a_first_mask_that_shows_nothing_is_refused(
    labels: np.ndarray,
    words: str,
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, rows = tmp_path / "first.png", tmp_path / "rows.jsonl"
    first.write_bytes(encode_palette_png(labels))
    arguments = ["track", str(video), "--mask", str(first), "--json", str(rows)]
    assert cli.main(arguments) == cli.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not rows.exists()


PIPED = """
import sys
from support.fake_engine import FakeEngine
from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker
shared.open_tracker = lambda options: Tracker(FakeEngine(), find_preset("lite"))
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
@pytest.mark.parametrize("to_file", [False, True], ids=["pipe", "file"])
def test_rows_go_to_the_standard_output_and_nothing_else(
    name: str, to_file: bool, video: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text("what was there\n")
    with kept.open("a") as appended:
        done = subprocess.run(
            [sys.executable, "-c", PIPED, "track", str(video), "--box", BOX, "--json", name],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'test'}"},
            stdout=appended if to_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    lines = kept.read_text().splitlines()[1:] if to_file else done.stdout.splitlines()
    assert len(lines) == FRAMES
    for line in lines:
        check_row(json.loads(line))
    assert f"{FRAMES} frames, {FRAMES} tracked" in done.stderr
    assert kept.read_text().startswith("what was there\n")


def results(tmp_path: Path) -> list[str]:
    return [
        *("--out", str(tmp_path / f"r{default_suffix()}"), "--json", str(tmp_path / "r.jsonl")),
        *("--masks", str(tmp_path / "masks"), "--bag-out", str(tmp_path / "bag")),
    ]


def test_force_replaces_results_and_its_lack_refuses_them(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["track", str(video), "--box", BOX, *results(tmp_path)]
    assert cli.main([*arguments, "--last", "1"]) == 0
    capsys.readouterr()
    for pair in range(0, 8, 2):
        again = ["track", str(video), "--box", BOX, *results(tmp_path)[pair : pair + 2]]
        assert cli.main(again) == cli.BAD_INPUT
        (line,) = capsys.readouterr().err.splitlines()
        assert "choose another" in line
    assert cli.main([*arguments, "--force"]) == 0
    assert open_source(tmp_path / f"r{default_suffix()}").length == FRAMES
    assert len(read_rows(tmp_path / "r.jsonl")) == FRAMES
    assert len(list((tmp_path / "masks").iterdir())) == FRAMES
    assert open_source(tmp_path / "bag", topic="/siammask_tracker/mask").length == FRAMES


def _written(folder: Path) -> dict[Path, tuple[int, int]]:
    stats = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def test_force_spares_what_a_refused_box_would_have_replaced(video: Path, tmp_path: Path) -> None:
    arguments = ["track", str(video), *results(tmp_path)]
    assert cli.main([*arguments, "--box", BOX]) == 0
    before = _written(tmp_path)
    assert cli.main([*arguments, "--force", "--box", "900,5,20,20"]) == cli.BAD_INPUT
    assert _written(tmp_path) == before


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_force_never_replaces_the_source(
    option: str, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = video.read_bytes()
    arguments = ["track", str(video), "--box", BOX, option, str(video), "--force"]
    assert cli.main(arguments) == cli.BAD_INPUT
    assert "is the source itself" in capsys.readouterr().err
    assert video.read_bytes() == before


def test_force_never_deletes_a_folder_that_is_no_bag(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    arguments = ["track", str(video), "--box", BOX, "--bag-out", str(folder), "--force"]
    assert cli.main(arguments) == cli.BAD_INPUT
    assert "letter.txt" in capsys.readouterr().err
    assert (folder / "letter.txt").read_text() == "mine"


def test_a_run_that_tracked_nothing_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noise.avi"
    with VideoRecorder(path, 25, (240, 320)) as recorder:
        for index in range(FRAMES):
            recorder.write(picture(index, visible=False))
    blind = Tracker(FakeEngine(["nan"] * FRAMES), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: blind)
    rows = tmp_path / "rows.jsonl"
    assert cli.main(["track", str(path), "--box", BOX, "--json", str(rows)]) == NOT_TRACKED
    assert "no target was tracked" in capsys.readouterr().err
    assert len(read_rows(rows)) == FRAMES


def test_a_name_that_is_not_utf8_is_refused_on_one_clean_line(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = str(tmp_path / os.fsdecode(b"rows\xff\x1b.jsonl"))
    assert cli.main(["track", str(video), "--box", BOX, "--json", rows]) == cli.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("rows\\udcff\\x1b.jsonl is not UTF-8; rename the file or its folder")


def test_what_cannot_be_kept_is_not_said_to_be_written(
    video: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["track", str(video), "--box", BOX, "--json", "/dev/full"]) == NOT_RECORDED
    said = capsys.readouterr()
    assert "/dev/full cannot be written: No space left on device" in said.err
    assert "wrote" not in said.out
