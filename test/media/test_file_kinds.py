"""What is no video is named for what it is, whatever its name; FFmpeg would guess."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import cv2
import pytest
from support.moving_square import picture
from support.square_bag import TOPIC, image, storage_file, write_bag
from support.timed_videos import write_timed_video

from siammask_ros.errors import DataError
from siammask_ros.media.file_kinds import why_no_video
from siammask_ros.media.frames import open_source

TEXT = "A list of things to do, with ä and ö.\n" * 200


def zipped(content: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("video.mp4", content)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["video.mp4", "notes.txt", "bag.mcap.zstd", "0001"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "is empty; expected a video", id="empty"),
        pytest.param(TEXT.encode(), "is a text file; expected a video", id="text"),
        pytest.param(TEXT.encode("latin-1"), "is a text file", id="latin-1"),
        pytest.param(TEXT.encode("utf-16"), "is a text file", id="utf-16"),
        pytest.param("наблюдение за целью\n".encode() * 300, "is a text file", id="cyrillic"),
        pytest.param(b"#EXTM3U\nhttp://host/a.ts\n", "is a text file", id="playlist"),
        pytest.param(b"<!DOCTYPE html><title>Not found</title>", "is a text file", id="page"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull", id="lfs"),
        pytest.param(
            b"\x28\xb5\x2f\xfd" + bytes(range(200)), "compressed with zstd; give", id="zstd"
        ),
        pytest.param(gzip.compress(b"1"), "compressed with gzip; decompress it", id="gzip"),
        pytest.param(lzma.compress(b"1"), "compressed with xz", id="xz"),
        pytest.param(bz2.compress(b"1"), "compressed with bzip2", id="bzip2"),
        pytest.param(b"#ROSBAG V2.0\n", "is a ROS 1 bag", id="ros1"),
        pytest.param(b"%PDF-1.7\n\x00", "is a PDF document", id="pdf"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for topic in ("", "/image"):
        with pytest.raises(DataError) as error:
            open_source(path, topic=topic)
        assert f"{path} " in str(error.value)
        assert words in str(error.value)


def test_an_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    zipped(b"1", path)
    with pytest.raises(DataError, match="compressed with zip"):
        open_source(path)


@pytest.mark.parametrize(
    ("storage", "words"),
    [("mcap", "is an MCAP recording; its name has to end with .mcap"), ("sqlite3", "SQLite")],
)
def test_a_bag_under_another_name_is_named(tmp_path: Path, storage: str, words: str) -> None:
    path = tmp_path / "recording"
    path.write_bytes(storage_file(write_bag(tmp_path / "bag", 1, storage)).read_bytes())
    with pytest.raises(DataError, match=words):
        open_source(path)


def test_a_lone_file_of_a_bag_with_compressed_messages_is_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", {TOPIC: [image(0), image(1)]}, "sqlite3", compressed=True)
    assert len(list(open_source(bag))) == 2
    with pytest.raises(DataError, match="compressed with zstd; give the bag's folder"):
        open_source(storage_file(bag))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_videos_are_not_refused(tmp_path: Path, suffix: str) -> None:
    assert not why_no_video(write_timed_video(tmp_path / f"v{suffix}", range(0, 200, 40)))


@pytest.mark.parametrize(("code", "suffix"), [("MJPG", ".avi"), ("mp4v", ".mp4"), ("I420", ".avi")])
def test_videos_of_opencv_are_not_refused(tmp_path: Path, code: str, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25, (320, 240))
    writer.write(picture(0))
    writer.release()
    assert not why_no_video(path)


def test_uncompressed_video_with_a_header_of_text_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.y4m"
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n" + 3 * (b"FRAME\n" + b"@" * 4608))
    assert len(list(open_source(path))) == 3
