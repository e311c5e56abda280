"""Reading pictures: order, numbers, times, and what is said of damaged input."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.moving_square import picture

from siammask_ros.errors import DataError
from siammask_ros.media.frames import open_source
from siammask_ros.media.recording import VideoRecorder

FRAMES = 40


def write_video(path: Path, frames: int = FRAMES) -> Path:
    with VideoRecorder(path, 20.0, (240, 320)) as video:
        for index in range(frames):
            video.write(picture(index))
    return path


def write_folder(folder: Path, frames: int = 5) -> Path:
    folder.mkdir()
    for index in range(frames):
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture(index))
    return folder


def cut_off(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm"])
def test_video_gives_every_frame_in_order(tmp_path: Path, suffix: str) -> None:
    source = open_source(write_video(tmp_path / f"square{suffix}"))
    assert (source.fps, source.size, source.length) == (20.0, (240, 320), FRAMES)
    frames = list(source)
    assert [frame.number for frame in frames] == list(range(FRAMES))
    assert frames[10].stamp_s == pytest.approx(0.5)
    error = np.abs(frames[30].image_bgr.astype(int) - picture(30)).mean()
    other = np.abs(frames[30].image_bgr.astype(int) - picture(25)).mean()
    assert error < other, "frame 30 looks like another one"
    assert len(list(source)) == FRAMES, "a file can be read again"


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    (folder / "notes.txt").write_text("not a picture")
    frames = list(open_source(folder))
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert all(np.array_equal(frame.image_bgr, picture(frame.number)) for frame in frames)
    assert frames[3].stamp_s == pytest.approx(3 / 25)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, None, [0, 1, 2, 3, 4]), (2, None, [2, 3, 4]), (1, 3, [1, 2, 3]), (3, 99, [3, 4])],
)
def test_stretch_keeps_its_numbers(
    tmp_path: Path, first: int, last: int | None, expected: list[int]
) -> None:
    for path in (write_folder(tmp_path / "images"), write_video(tmp_path / "v.mp4", 5)):
        source = open_source(path, first, last)
        assert source.length == len(expected)
        assert [frame.number for frame in source] == expected


@pytest.mark.parametrize(("first", "last"), [(-1, None), (3, 2), (5, None)])
def test_impossible_stretch_is_refused(tmp_path: Path, first: int, last: int | None) -> None:
    with pytest.raises(DataError, match="expected"):
        open_source(write_folder(tmp_path / "images"), first, last)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no images"),
        (lambda path: path.write_text("hello"), "is a text file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(bytes(1000)), "cannot be opened"),
    ],
    ids=["missing", "empty folder", "text", "empty file", "zeros"],
)
def test_no_source_is_said_so(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "source"
    make(path)  # type: ignore[operator]
    with pytest.raises(DataError, match=words):
        open_source(path)


def test_missing_camera_is_said_so() -> None:
    with pytest.raises(DataError, match="camera 97"):
        open_source("97")


def test_j4_truncated_video_is_read_to_the_damage_and_names_the_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.avi")
    cut_off(path, 0.5)
    read = []
    with pytest.raises(DataError) as error:
        read.extend(frame.number for frame in open_source(path))
    # list.extend keeps what the generator gave before it failed.
    assert read == list(range(len(read)))
    assert 5 < len(read) < FRAMES - 5
    assert f"ends at frame {len(read)} of " in str(error.value)


def test_j4_video_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4")
    cut_off(path, 0.5)
    with pytest.raises(DataError, match="cannot be opened"):
        open_source(path)


def test_damaged_image_names_the_file_after_the_good_ones(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    (folder / "00003.png").write_bytes(b"broken")
    read = []
    with pytest.raises(DataError, match=r"00003\.png"):
        read.extend(frame.number for frame in open_source(folder))
    assert read == [0, 1, 2]


def test_image_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    cv2.imwrite(str(folder / "00002.png"), picture(2, width=64, height=48))
    with pytest.raises(DataError, match=r"frame 2 .* is 64×48; expected 320×240"):
        list(open_source(folder))


def test_pictures_whose_numbers_have_no_leading_zeros_are_in_the_order_of_their_numbers(
    tmp_path: Path,
) -> None:
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(index))
    frames = list(open_source(tmp_path))
    assert len(frames) == 12
    assert all(np.array_equal(frame.image_bgr, picture(frame.number)) for frame in frames)
