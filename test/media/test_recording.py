"""Results on disk: complete, never in the place of others, and honest about a full disk."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support.moving_square import picture

from siammask_ros.errors import DataError
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.media.recording import JsonLines, VideoRecorder, check_output_file

SIZE = (240, 320)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Lets no file grow over 64 KiB, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_j2_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / f"result{default_suffix()}"
    path.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        VideoRecorder(path, 25, SIZE)
    with pytest.raises(DataError, match="exists already"):
        JsonLines(path)
    with pytest.raises(DataError, match="is a folder"):
        JsonLines(tmp_path, overwrite=True)
    assert path.read_text() == "mine"


def test_existing_file_is_replaced_when_told(tmp_path: Path) -> None:
    path = tmp_path / f"result{default_suffix()}"
    path.write_text("old")
    with VideoRecorder(path, 25, SIZE, overwrite=True) as video:
        video.write(picture(0))
    assert open_source(path).length == 1


def test_j2_folder_is_made_or_refused(tmp_path: Path) -> None:
    with JsonLines(tmp_path / "new" / "folder" / "rows.jsonl") as rows:
        rows.write({"a": 1})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        JsonLines(tmp_path / "file" / "rows.jsonl")


def test_j2_a_folder_without_permission_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may write everywhere, so the answer of the system is replaced.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(DataError, match="may write to"):
        check_output_file(tmp_path / "rows.jsonl")


def test_unknown_kind_of_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected \.mp4"):
        VideoRecorder(tmp_path / "result.gif", 25, SIZE)


def test_picture_of_another_size_is_refused_and_the_next_good_one_is_kept(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / f"result{default_suffix()}", 25, SIZE) as video:
        with pytest.raises(DataError, match="takes"):
            video.write(np.zeros((10, 10, 3), np.uint8))
        video.write(picture(0))
    assert open_source(tmp_path / f"result{default_suffix()}").length == 1


def test_j1_recording_stops_before_the_disk_is_full_and_stays_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"result{default_suffix()}"
    video = VideoRecorder(path, 25, SIZE)
    for index in range(5):
        video.write(picture(index))
    monkeypatch.setattr("siammask_ros.media.recording.MIN_FREE_BYTES", 2**62)
    with pytest.raises(DataError, match="are free"):
        video.write(picture(5))
    video.close()
    assert len(list(open_source(path))) == 5


def test_j1_disk_that_takes_no_more_is_noticed(tmp_path: Path, small_files: None) -> None:
    video = VideoRecorder(tmp_path / "result.avi", 25, SIZE)
    for index in range(60):
        video.write(picture(index))
    with pytest.raises(DataError, match="of 60 images: writing failed"):
        video.close()


def test_j1_disk_that_takes_no_more_of_an_mp4_is_noticed(tmp_path: Path, small_files: None) -> None:
    pytest.importorskip("av")
    noise = np.random.default_rng(0)
    video = VideoRecorder(tmp_path / "result.mp4", 25, SIZE)
    with pytest.raises(DataError, match="cannot be"):
        for _ in range(60):
            video.write(noise.integers(0, 255, (*SIZE, 3), np.uint8))
        video.close()
    with suppress(DataError):
        video.close()


def test_j1_full_disk_for_rows_is_noticed() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with JsonLines(full, overwrite=True) as rows, pytest.raises(DataError, match="No space"):
        rows.write({"a": 1})


def test_recording_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / f"result{default_suffix()}", 25, SIZE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_rows_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with JsonLines(path) as rows:
        rows.write({"score": float("nan"), "corners": np.array([[1.5, np.inf]])})
        rows.write({"count": np.int64(3), "share": np.float32(0.25), "deep": ({"x": 1 / 3},)})
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == {"score": None, "corners": [[1.5, None]]}
    assert second == {"count": 3, "share": 0.25, "deep": [{"x": 0.3333}]}
