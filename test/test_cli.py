"""The command line as a person uses it: results, and one clear line for bad input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from support.blobs import write_davis
from support.box_videos import write_moving_square
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box

from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.errors import BoxError
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.media.recording import VideoRecorder
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

FRAMES = 20
BOX = ",".join(str(value) for value in square_box(0).bounding_xywh)


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: tracker)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "square.avi"
    with VideoRecorder(path, 25, (240, 320)) as recorder:
        for index in range(FRAMES):
            recorder.write(picture(index))
    return path


def rows_of(path: Path) -> list[SimpleNamespace]:
    return [SimpleNamespace(**json.loads(line)) for line in path.read_text().splitlines()]


def test_track_follows_the_square_and_leaves_video_and_rows(
    video: Path, tmp_path: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out, rows = tmp_path / "new" / f"result{default_suffix()}", tmp_path / "tracks.jsonl"
    assert (
        cli.main(["track", str(video), "--box", BOX, "--out", str(out), "--json", str(rows)]) == 0
    )
    found = rows_of(rows)
    assert [row.frame for row in found] == list(range(FRAMES))
    for row in found:
        (target,) = row.targets
        truth = square_box(row.frame)
        assert target["state"] == "TRACKING"
        assert np.hypot(target["box"]["x"] - truth.x, target["box"]["y"] - truth.y) < 4
        assert target["mask_area_px"] == pytest.approx(48 * 48, rel=0.2)
        assert np.array(target["corners"]).shape == (4, 2)
    assert open_source(out).length == FRAMES
    words = capsys.readouterr().out
    assert f"{FRAMES} frames, {FRAMES} tracked" in words
    assert str(out) in words


def test_track_takes_a_stretch(video: Path, tmp_path: Path, fake_engine: None) -> None:
    rows = tmp_path / "tracks.jsonl"
    box = ",".join(str(value) for value in square_box(5).bounding_xywh)
    stretch = ["--first", "5", "--last", "9", "--json", str(rows)]
    assert cli.main(["track", str(video), "--box", box, *stretch]) == 0
    assert [row.frame for row in rows_of(rows)] == [5, 6, 7, 8, 9]


def test_track_names_its_video_after_the_source(
    video: Path, tmp_path: Path, fake_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["track", str(video), "--box", BOX]) == 0
    assert open_source(f"square-tracked{default_suffix()}").length == FRAMES


def test_j4_damaged_video_is_tracked_to_the_damage(
    video: Path, tmp_path: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    out, rows = tmp_path / f"result{default_suffix()}", tmp_path / "tracks.jsonl"
    arguments = ["track", str(video), "--box", BOX, "--out", str(out), "--json", str(rows)]
    assert cli.main(arguments) == cli.BAD_INPUT
    tracked = len(rows_of(rows))
    assert 3 < tracked < FRAMES
    assert open_source(out).length == tracked
    assert f"ends at frame {tracked} of " in capsys.readouterr().err


def test_eval_davis_prints_j_and_f_and_leaves_a_report(
    tmp_path: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_davis(tmp_path, "one", 1)
    write_davis(tmp_path, "other", 1)
    out = tmp_path / "out"
    arguments = ["eval", "davis", str(tmp_path), "--sequences", "one", "--out", str(out)]
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["j"]["mean"] > 0.65
    assert [item["name"] for item in summary["objects"]] == ["one"]
    assert summary["made_with"]["settings"]["mask_threshold"] > 0
    means = next(line.split() for line in lines if line.startswith("mean ") and "." in line)
    # The table and the file round to 3 and 4 decimals.
    assert float(means[1]) == pytest.approx(summary["j"]["mean"], abs=6e-4)
    for name in ("contact_sheet.png", "j_over_time.png"):
        assert cv2.imread(str(out / name)) is not None


def test_eval_box_prints_the_success_and_leaves_a_report(
    tmp_path: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_moving_square(tmp_path / "data", "one", 8)
    write_moving_square(tmp_path / "data", "other", 8)
    out = tmp_path / "out"
    arguments = ["eval", "box", str(tmp_path / "data"), "--sequences", "one", "--out", str(out)]
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    (ours,) = json.loads((out / "summary.json").read_text())["trackers"]
    assert ours["success_auc"] > 0.8
    assert [item["name"] for item in ours["sequences"]] == ["one"]
    means = next(line.split() for line in lines if line.startswith("mean "))
    assert float(means[1]) == pytest.approx(ours["success_auc"], abs=6e-4)
    assert cv2.imread(str(out / "curves.png")) is not None


def test_eval_vot_leaves_results_that_can_be_judged_again(
    tmp_path: Path, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_moving_square(tmp_path / "data", "one", 14, as_polygons=True)
    out, again = tmp_path / "out", tmp_path / "again"
    arguments = ["eval", "vot", str(tmp_path / "data"), "--lengths", "5,10"]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    first = capsys.readouterr().out
    results = out / "results" / "lite"
    assert cli.main([*arguments, "--out", str(again), "--results", str(results)]) == 0
    second = capsys.readouterr().out
    assert first.splitlines()[:4] == second.splitlines()[:4]
    summary = json.loads((again / "summary.json").read_text())
    assert summary["eao"] > 0.8
    assert summary["failures_per_100_frames"] == 0
    assert summary["eao_lengths"] == [5, 10]


BAD_INPUT = {
    "no such video": (["track", "none.mp4", "--box", "1,2,30,40"], "does not exist"),
    "three numbers": (["track", "{video}", "--box", "1,2,3"], "expected x,y,w,h"),
    "words": (["track", "{video}", "--box", "a,b,c,d"], "expected x,y,w,h"),
    "tiny box": (["track", "{video}", "--box", "5,5,2,2"], "at least"),
    "nan": (["track", "{video}", "--box", "nan,5,20,20"], "not finite"),
    "outside": (["track", "{video}", "--box", "900,5,20,20"], "outside"),
    "beyond the end": (["track", "{video}", "--box", "5,5,20,20", "--first", "99"], "frames"),
    "would overwrite": (["track", "{video}", "--box", BOX, "--out", "{other}"], "exists already"),
    "negative width": (["track", "{video}", "--box", "50,50,-20,20"], "negative width"),
    "negative height": (["demo", "--video", "{video}", "--box", "50,50,20,-2"], "negative width"),
    "no first mask": (["track", "{video}", "--mask", "none.png"], "none.png"),
    "no target": (["track", "{video}"], "expected --box"),
    "no video format": (["track", "{video}", "--box", BOX, "--out", "x.gif"], "expected .mp4"),
    "no davis": (["eval", "davis", "{folder}"], "expected DAVIS's own layout"),
    "no sequences": (["eval", "box", "{folder}/empty"], "contains no sequence"),
    "no baseline": (
        ["eval", "box", "{folder}/data", "--baseline", "nano", "--baseline-weights", "{folder}"],
        "backbone_sim.onnx is missing",
    ),
    "no results": (
        ["eval", "vot", "{folder}/data", "--results", "{folder}/empty"],
        "one_001.txt is missing",
    ),
    "no benchmark": (["bench", "--from", "none.json"], "cannot be read: No such file"),
    "another benchmark": (["bench", "--from", "{text}"], "is no benchmark"),
    "broken settings": (["eval", "confidence", "{broken}"], "broken.yaml cannot be read"),
    "a folder for results": (["export", "--out", "{text}/x"], "cannot be written"),
    "demo without box": (["demo", "--video", "{video}"], "--box x,y,w,h"),
    "demo without video": (["demo", "--video", "none.mp4", "--box", BOX], "does not exist"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    video: Path,
    tmp_path: Path,
    fake_engine: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    write_moving_square(tmp_path / "data", "one", 2)
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "other.avi").write_text("mine")
    (tmp_path / "text.json").write_text('"text"')
    (tmp_path / "broken.yaml").write_text("a: [1")
    names = {"video": video, "folder": tmp_path, "other": tmp_path / "other.avi"}
    names |= {"text": tmp_path / "text.json", "broken": tmp_path / "broken.yaml"}
    filled = [part.format(**names) for part in arguments]
    assert cli.main(filled) == cli.BAD_INPUT
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1, errors
    assert errors[0].startswith("siammask: ")
    assert words in errors[0]
    assert "[Errno" not in errors[0]
    assert list((tmp_path / "empty").iterdir()) == [], "a refusal leaves no file"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "none"], "model"),
        (["--model", "resnet50"], "siammask weights fetch davis"),
        (["--tracker-preset", "none"], "tracker_preset"),
        (["--device", "none"], "device"),
        (["--checkpoint", "none.safetensors"], "none.safetensors"),
    ],
)
def test_unknown_network_is_refused(
    options: list[str], words: str, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"result{default_suffix()}"
    arguments = ["track", str(video), "--box", BOX, "--out", str(out), *options]
    assert cli.main(arguments) == cli.BAD_INPUT
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_the_demo_without_ros_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    assert cli.main(["demo"]) == cli.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert "make demo" in line


def test_missing_training_config_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", str(tmp_path / "none.yaml")]) == cli.BAD_INPUT
    assert "none.yaml" in capsys.readouterr().err


def test_wrong_usage_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["dance"])
    assert end.value.code == cli.BAD_INPUT
    assert "demo" in capsys.readouterr().err


def test_box_is_four_numbers() -> None:
    assert shared.parse_box("1,2.5, 3,4") == (1, 2.5, 3, 4)
    with pytest.raises(BoxError):
        shared.parse_box("1,2,3,4,5")
