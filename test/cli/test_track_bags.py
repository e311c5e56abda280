"""`siammask track` on bags: which topic, what it leaves, the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.documented_rows import read_rows
from support.fake_engine import FakeEngine
from support.moving_square import square_box
from support.square_bag import TOPIC, compressed_image, image, stamp_of, write_bag

from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.media.frames import open_source
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

FRAMES = 10
BOX = ",".join(str(value) for value in square_box(0).bounding_xywh)
COMPRESSED = f"{TOPIC}/compressed"


@pytest.fixture(autouse=True)
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: tracker)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_is_tracked_with_the_stamps_of_its_images(tmp_path: Path, storage: str) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage)
    rows, results = tmp_path / "rows.jsonl", tmp_path / "results"
    arguments = ["track", str(bag), "--box", BOX, "--json", str(rows), "--bag-out", str(results)]
    assert cli.main(arguments) == 0
    found = read_rows(rows)
    assert [row["frame"] for row in found] == list(range(FRAMES))
    assert [row["stamp_ns"] for row in found] == [stamp_of(index) for index in range(FRAMES)]
    for index, row in enumerate(found):
        (target,) = row["targets"]
        truth = square_box(index)
        assert target["state"] == "TRACKING"
        assert np.hypot(target["box"]["x"] - truth.x, target["box"]["y"] - truth.y) < 4
    masks = list(open_source(results, topic="/siammask_tracker/mask"))
    assert [mask.origin.stamp_ns for mask in masks if mask.origin] == [
        stamp_of(index) for index in range(FRAMES)
    ]
    for index, mask in enumerate(masks):
        assert mask.image_bgr[round(square_box(index).y), round(square_box(index).x)].all()
        assert not mask.image_bgr[5, 5].any()


def test_two_runs_leave_the_same_files_bit_for_bit(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES)
    for name in ("first", "second"):
        out = tmp_path / name
        files = ("--out", str(out / "r.avi"), "--json", str(out / "r.jsonl"))
        arguments = ["track", str(bag), "--box", BOX, *files, "--bag-out", str(out / "results")]
        assert cli.main(arguments) == 0
    for file in ("r.avi", "r.jsonl", "results/results.mcap", "results/metadata.yaml"):
        first, second = ((tmp_path / name / file).read_bytes() for name in ("first", "second"))
        assert first == second, file


def test_one_of_several_topics_is_taken_and_a_missing_one_named_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = {
        TOPIC: [image(index) for index in range(FRAMES)],
        COMPRESSED: [compressed_image(index) for index in range(FRAMES - 3)],
    }
    bag = write_bag(tmp_path / "bag", messages)
    rows = tmp_path / "rows.jsonl"
    arguments = ["track", str(bag), "--box", BOX, "--json", str(rows)]
    for topic in ([], ["--topic", "/nothing"]):
        assert cli.main([*arguments, *topic]) == cli.BAD_INPUT
        assert f"its image topics: {TOPIC}, {COMPRESSED}" in capsys.readouterr().err
        assert not rows.exists()
    assert cli.main([*arguments, "--topic", COMPRESSED]) == 0
    assert len(rows.read_text().splitlines()) == FRAMES - 3


def test_a_stretch_of_a_bag_is_tracked(tmp_path: Path) -> None:
    bag, rows = write_bag(tmp_path / "bag", FRAMES), tmp_path / "rows.jsonl"
    box = ",".join(str(value) for value in square_box(4).bounding_xywh)
    stretch = ["--first", "4", "--last", "7", "--json", str(rows)]
    assert cli.main(["track", str(bag), "--box", box, *stretch]) == 0
    assert [json.loads(line)["frame"] for line in rows.read_text().splitlines()] == [4, 5, 6, 7]
