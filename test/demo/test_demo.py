"""The whole demo with real ROS 2 processes; only the network is replaced."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.documented_rows import read_rows
from support.moving_square import picture, square_box

from siammask_ros.demo import demo
from siammask_ros.demo.demo import run_demo
from siammask_ros.errors import DataError
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source

FRAMES = 40
TEST = Path(__file__).resolve().parent.parent


@pytest.fixture
def video(tmp_path: Path) -> Path:
    folder = tmp_path / "video"
    folder.mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture(index, width=400))
    return folder


@pytest.fixture
def fake_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TRACKER", "support.fake_tracker")
    path = [str(TEST / "demo"), str(TEST), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


def test_the_target_is_followed_and_everything_is_left(
    video: Path, tmp_path: Path, fake_tracker: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_demo(str(video), square_box(0).bounding_xywh, out, {}) == 0
    names = {
        f"demo{default_suffix()}",
        "contact_sheet.png",
        "tracks.jsonl",
        "latency.png",
        "summary.json",
    }
    assert names <= {path.name for path in out.iterdir()}
    assert open_source(out / f"demo{default_suffix()}").length == FRAMES
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames_published"] == FRAMES
    # How many are answered depends on the machine; the box takes effect after two or three.
    assert summary["frames_tracked"] >= max(summary["frames_processed"] - 5, 3)
    rows = read_rows(out / "tracks.jsonl")
    tracked = [row for row in rows if row["targets"]]
    assert [target["id"] for target in tracked[-1]["targets"]] == ["1"]
    for row in tracked:
        box, truth = row["targets"][0]["box"], square_box(row["frame"])
        assert np.hypot(box["x"] - truth.x, box["y"] - truth.y) < 6, row["frame"]
    words = capsys.readouterr().out
    assert f"demo: {FRAMES} frames published, " in words
    assert re.search(r"age of the answer in ms: first \d+\.\d, p50 \d", words)


def test_a_tracker_that_does_not_come_up_is_said_so(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"checkpoint": str(tmp_path / "none.safetensors")}
    assert run_demo(str(video), (100, 80, 40, 40), tmp_path / "out", network) == demo.FAILED
    words = capsys.readouterr().err
    assert "demo failed" in words
    assert "none.safetensors" in words


def test_bad_input_is_refused_before_anything_starts(video: Path, tmp_path: Path) -> None:
    for source in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(DataError):
            run_demo(str(source), (100, 80, 40, 40), tmp_path / "out", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be used"):
        run_demo(str(video), (100, 80, 40, 40), tmp_path / "file", {})
    assert not (tmp_path / "out").exists()
