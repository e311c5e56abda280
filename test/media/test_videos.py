"""Videos: the container's times, cuts without encoding, names with a colon, streams."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.moving_square import picture
from support.timed_videos import cut_without_encoding, write_timed_video

from siammask_ros.errors import DataError
from siammask_ros.media import videos
from siammask_ros.media.frames import open_source
from siammask_ros.media.mp4 import count_frames

# Ten frames at 25 a second, then ten at 2 a second, as a screen recorder or a phone writes them.
UNEVEN_MS = [*range(0, 400, 40), *range(400, 5400, 500)]
EVEN_MS = range(0, 4000, 40)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_frames_have_the_times_of_the_container(tmp_path: Path, suffix: str) -> None:
    source = open_source(write_timed_video(tmp_path / f"uneven{suffix}", UNEVEN_MS))
    frames = list(source)
    assert [frame.number for frame in frames] == list(range(len(UNEVEN_MS)))
    expected_s = [time_ms / 1000 for time_ms in UNEVEN_MS]
    assert [frame.stamp_s for frame in frames] == pytest.approx(expected_s, abs=1e-3)
    later = open_source(source.name, 12, 14)
    assert [frame.stamp_s for frame in later] == pytest.approx(expected_s[12:15], abs=1e-3)


def test_a_video_cut_without_encoding_has_the_frames_that_it_shows(tmp_path: Path) -> None:
    whole = write_timed_video(tmp_path / "whole.mp4", EVEN_MS, gop=50)
    cut = cut_without_encoding(whole, tmp_path / "cut.mp4", 1000)
    source = open_source(cut)
    frames = list(source)
    assert source.length == len(frames) == 75
    assert (frames[0].stamp_s, frames[-1].stamp_s) == pytest.approx((0.0, 2.96))
    error = np.abs(frames[0].image_bgr.astype(int) - picture(25)).mean()
    other = np.abs(frames[0].image_bgr.astype(int) - picture(0)).mean()
    assert error < other, "frames before the cut are shown"


def test_a_cut_video_whose_end_is_missing_is_said_to_be_damaged(tmp_path: Path) -> None:
    whole = write_timed_video(tmp_path / "whole.mp4", EVEN_MS, gop=50)
    cut = cut_without_encoding(whole, tmp_path / "cut.mp4", 1000)
    content = bytearray(cut.read_bytes())
    data = content.index(b"mdat")
    tables = content.index(b"moov")
    assert data < tables
    content[(data + tables) // 2 : tables - 4] = bytes(tables - 4 - (data + tables) // 2)
    cut.write_bytes(content)
    with pytest.raises(DataError, match=r"of 75: the file is cut off or damaged|cannot be decoded"):
        list(open_source(cut))


@pytest.mark.parametrize("content", [b"", b"moov", bytes(100), b"\0\0\0\x01moov" + bytes(8)])
def test_tables_that_say_nothing_are_not_believed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    assert count_frames(path) is None


def test_damaged_tables_raise_nothing(tmp_path: Path) -> None:
    content = write_timed_video(tmp_path / "whole.mp4", range(0, 400, 40)).read_bytes()
    tables = content.index(b"moov")
    damaged = tmp_path / "damaged.mp4"
    random = np.random.default_rng(0)
    for _ in range(300):
        bytes_now = bytearray(content)
        for place in random.integers(tables, len(content), 8):
            bytes_now[place] = random.integers(256)
        damaged.write_bytes(bytes_now)
        assert count_frames(damaged) is None or isinstance(count_frames(damaged), int)


@pytest.mark.parametrize("name", ["rec:12.mp4", "http:.mp4", "file:a.mp4", "100%d.mp4"])
def test_a_file_of_any_name_is_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_timed_video(tmp_path / "plain.mp4", range(0, 200, 40)).rename(tmp_path / name)
    for given in (name, f"./{name}", tmp_path / name):
        assert len(list(open_source(given))) == 5


@pytest.mark.parametrize("name", [b"\xff.mp4", b"\xe9.png", b"folder\xff/a.png"])
def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0")
    with pytest.raises(DataError, match="is not UTF-8; rename"):
        open_source(path if path.suffix == ".mp4" else path.parent)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match="is a pipe"):
        open_source(tmp_path / "pipe.mp4")


def test_a_path_that_exists_is_meant_before_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0001").mkdir()
    cv2.imwrite("0001/7.png", picture(0))
    (frame,) = open_source("0001")
    assert frame.file == "7.png"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "a source without a name does not exist"),
        ("97", "camera 97 gives no image"),
        ("123456789012345678901234567890", "there is no camera 1234"),
        ("/dev/video97", "camera 97 gives no image"),
        ("ftp://host/video.mp4", "ftp:// cannot be read; expected one of: http"),
        ("file:///video.mp4", "file:// cannot be read; expected one of: http"),
    ],
)
def test_a_source_that_is_not_there_is_named(source: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_source(source)


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of an HTTP server on this machine that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_video_is_read_over_http_and_its_password_not_shown(tmp_path: Path) -> None:
    content = write_timed_video(tmp_path / "v.webm", range(0, 400, 40)).read_bytes()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with served(answer) as host:
        password = "secret"
        source = open_source(f"http://user:{password}@{host}/v.webm")
        assert source.name == f"http://{host}/v.webm"
        assert [frame.number for frame in source] == list(range(10))


def test_a_stream_without_an_end_that_ends_is_said_so() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        for index in range(12):
            jpeg = cv2.imencode(".jpg", picture(index))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            request.wfile.write(head.encode() + jpeg + b"\r\n")

    read = []
    with served(answer) as host, pytest.raises(DataError, match="stopped giving frames at frame"):
        source = open_source(f"http://{host}/stream")
        assert source.length is None
        read.extend(frame.number for frame in source)
    assert read == list(range(len(read)))
    assert len(read) > 5


def test_an_address_without_a_server_is_refused_without_its_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DataError, match="gives no video within 10 s") as error:
        open_source(f"rtsp://user:secret@127.0.0.1:{port}/stream")
    assert "secret" not in str(error.value)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v.mp4"
        with pytest.raises(DataError, match=r"gives no video within 0\.5 s"):
            open_source(address)
