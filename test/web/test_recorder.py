"""Recordings from the page; rows J1 and J2 for them."""

from __future__ import annotations

import itertools
import time
from collections import namedtuple
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.documented_rows import read_rows
from support.moving_square import picture, square_center
from support.page_bench import frame, target
from support.session_bench import wait_until

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media import recording
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import AnnotatedFrame
from siammask_ros.web.recorder import Recorder, draw_frame

HZ = 20.0


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(WebConfig(record_folder=str(tmp_path)))


def put(recorder: Recorder, make: Callable[[int], AnnotatedFrame] = frame, count: int = 20) -> None:
    for index in range(count):
        recorder.put(make(index))
        time.sleep(1 / HZ)


def test_pictures_and_tracks_are_recorded_in_step_with_the_clock(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.begin(HZ)
    began_s = time.monotonic()
    assert recorder.is_on
    put(recorder)
    took_s = time.monotonic() - began_s
    words = recorder.end()
    assert not recorder.is_on
    (video,) = tmp_path.glob(f"*{default_suffix()}")
    assert str(video) in words
    source = open_source(video)
    assert abs((source.length or 0) / HZ - took_s) < 1.0
    rows = read_rows(video.with_suffix(".jsonl"))
    assert 1 < len(rows) <= 20, "those that cannot wait are left out"
    assert rows[0]["targets"][0]["state"] == "TRACKING"
    assert rows[0]["targets"][0]["mask_area_px"] == pytest.approx(48 * 48, rel=0.1)
    assert [row["stamp_ns"] for row in rows] == sorted({row["stamp_ns"] for row in rows})


def test_what_is_drawn_is_the_mask_within_its_contours() -> None:
    one = frame(3, target(3, "2"))
    image = draw_frame(one)
    x, y = (round(value) for value in square_center(3))
    assert np.abs(image[y, x].astype(int) - picture(3)[y, x]).max() > 20, "tinted"
    assert np.abs(image[y + 60, x].astype(int) - picture(3)[y + 60, x]).max() == 0
    assert np.array_equal(one.image, picture(3)), "a copy"
    unanswered = draw_frame(AnnotatedFrame(picture(3), 5))
    assert np.array_equal(unanswered, picture(3))


def test_a_mask_with_a_hole_keeps_its_hole() -> None:
    from siammask_ros.geometry.outlines import find_contours
    from siammask_ros.media.drawing import DrawnTarget

    mask = np.zeros((240, 320), np.uint8)
    cv2.circle(mask, (100, 100), 40, 1, -1)
    cv2.circle(mask, (100, 100), 15, 0, -1)
    corners = np.full((4, 2), -1000.0)
    image = np.zeros((240, 320, 3), np.uint8)
    painted = draw_frame(
        AnnotatedFrame(
            image, 1, (DrawnTarget("1", "TRACKING", "", 0.9, corners, find_contours(mask)),)
        )
    )
    assert painted[100, 70].max() > 0
    assert painted[100, 100].max() == 0


def test_j2_without_a_folder_nothing_is_recorded_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="record_folder"):
        Recorder(WebConfig()).begin(HZ)
    assert not Recorder(WebConfig()).state()["possible"]
    file = tmp_path / "file"
    file.write_text("")
    for folder in (tmp_path / "none", file):
        with pytest.raises(ConfigError, match="create it first"):
            Recorder(WebConfig(record_folder=str(folder)))


def test_j2_a_recording_that_is_there_is_never_replaced(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siammask_ros.web.recorder.datetime", _StoppedClock)
    recorder.begin(HZ)
    put(recorder, count=3)
    recorder.end()
    (video,) = tmp_path.glob(f"*{default_suffix()}")
    before = video.read_bytes()
    with pytest.raises(DataError, match="is not replaced"):
        recorder.begin(HZ)
    with pytest.raises(DataError, match="no recording is running"):
        recorder.end()
    assert video.read_bytes() == before
    monkeypatch.undo()
    recorder.begin(HZ)
    put(recorder, count=3)
    recorder.end()
    assert len(list(tmp_path.glob(f"*{default_suffix()}"))) == 2


class _StoppedClock:
    @staticmethod
    def now(zone: timezone) -> datetime:
        return datetime(2026, 1, 1, tzinfo=zone)


def test_j1_a_recording_ends_before_the_disk_is_full_and_can_be_read(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    recorder.begin(HZ)
    put(recorder, count=5)
    monkeypatch.setattr(recording.shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    put(recorder, count=2)
    wait_until(lambda: recorder.state()["failed"], "the recording to end")
    assert "MiB are free" in recorder.state()["text"]
    assert not recorder.is_on
    recorder.end()
    (video,) = tmp_path.glob(f"*{default_suffix()}")
    assert (open_source(video).length or 0) > 0
    with pytest.raises(DataError, match="MiB are free"):
        recorder.begin(HZ)
    monkeypatch.undo()
    time.sleep(1.0)
    recorder.begin(HZ)
    put(recorder, count=3)
    assert "recorded" in recorder.end()


def test_a_camera_that_changes_its_resolution_ends_the_recording(recorder: Recorder) -> None:
    recorder.begin(HZ)
    put(recorder, count=3)
    put(recorder, lambda index: AnnotatedFrame(picture(index, 400), 5, (target(index),)), count=2)
    wait_until(lambda: recorder.state()["failed"], "the recording to end")
    assert "takes (240, 320, 3)" in recorder.state()["text"]


def test_a_shot_that_cannot_be_drawn_ends_the_recording_in_words(recorder: Recorder) -> None:
    recorder.begin(HZ)
    put(recorder, count=2)
    recorder.put(AnnotatedFrame(picture(0), 5, ("no target",)))  # type: ignore[arg-type]
    wait_until(lambda: recorder.state()["failed"], "the recording to end")
    assert "the recording failed: AttributeError" in recorder.end()
    assert not recorder.is_on


def test_the_files_of_the_last_recording_can_be_found_by_their_names(
    recorder: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("")
    recorder.begin(HZ)
    put(recorder, count=3)
    assert recorder.state()["files"] == [], "not while it runs"
    recorder.end()
    names = recorder.state()["files"]
    assert sorted(names) == sorted(each.name for each in tmp_path.glob("siammask_*"))
    assert all(recorder.file(name) == tmp_path / name for name in names)
    for name in ("secret", "", "..", f"../{tmp_path.name}/{names[0]}"):
        assert recorder.file(name) is None


def put_until_failed(recorder: Recorder, make: Callable[[int], AnnotatedFrame]) -> None:
    until_s = time.monotonic() + 60
    for index in itertools.count():
        recorder.put(make(index))
        time.sleep(0.02)
        if recorder.state()["failed"] or time.monotonic() > until_s:
            return


def test_a_recording_ends_at_its_largest_size(tmp_path: Path) -> None:
    recorder = Recorder(WebConfig(record_folder=str(tmp_path), record_max_mb=1))
    noise = np.random.default_rng(0)

    def loud(index: int) -> AnnotatedFrame:
        return AnnotatedFrame(noise.integers(0, 255, (480, 640, 3), np.uint8), index)

    # Few pictures a second: on a busy machine each that is late is filled by repeating it.
    recorder.begin(10)
    put_until_failed(recorder, loud)
    assert "record_max_mb" in recorder.state()["text"]
