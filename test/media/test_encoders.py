"""Videos that browsers and phones play: H.264 in 4:2:0, whatever the size of the images."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.moving_square import picture

from siammask_ros.errors import DataError
from siammask_ros.media import encoders
from siammask_ros.media.frames import open_source
from siammask_ros.media.recording import VideoRecorder

FRAMES = 10
SUFFIXES = [
    pytest.param(
        suffix,
        marks=pytest.mark.skipif(
            suffix == ".mp4" and not encoders.has_h264(), reason="PyAV is not installed"
        ),
    )
    for suffix in encoders.SUFFIXES
]


def write_video(path: Path, size: tuple[int, int] = (240, 320)) -> Path:
    height, width = size
    with VideoRecorder(path, 25, size) as video:
        for index in range(FRAMES):
            video.write(np.ascontiguousarray(picture(index)[:height, :width]))
    return path


def test_mp4_is_h264_as_phones_decode_it(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(write_video(tmp_path / "v.mp4"))) as file:
        (stream,) = file.streams
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 25


def test_no_video_is_mpeg4_part_2(tmp_path: Path) -> None:
    for suffix in {encoders.default_suffix(), ".webm", ".avi"}:
        path = write_video(tmp_path / f"v{suffix}")
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode().lower()
        capture.release()
        assert code in ("avc1", "h264", "vp80", "mjpg")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_odd_size_is_padded_and_nothing_is_cut_off(suffix: str, tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(101), np.arange(151)).astype(np.uint8)
    image = np.repeat(ramp[..., None], 3, axis=2)
    path = tmp_path / f"v{suffix}"
    with VideoRecorder(path, 25, (101, 151)) as video:
        for _ in range(3):
            video.write(image)
    source = open_source(path)
    assert source.size == (102, 152)
    last = list(source)[-1].image_bgr.astype(int)
    assert np.abs(last[:101, :151] - image).max() < 12
    assert np.abs(last[101, :151] - image[100]).max() < 12
    assert np.abs(last[:101, 151] - image[:, 150]).max() < 12


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_come_back(suffix: str, tmp_path: Path) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    for left, colour in ((0, (200, 30, 30)), (400, (30, 200, 30)), (800, (30, 30, 200))):
        image[:, left : left + 400] = colour
    path = tmp_path / f"v{suffix}"
    with VideoRecorder(path, 25, (720, 1280)) as video:
        for _ in range(3):
            video.write(image)
    found = list(open_source(path))[-1].image_bgr
    for left in (200, 600, 1000):
        assert np.abs(found[360, left].astype(int) - image[360, left]).max() < 12


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in {encoders.default_suffix(), ".webm", ".avi"}:
        write_video(Path(f"rec:12{suffix}"))
        assert open_source(tmp_path / f"rec:12{suffix}").length == FRAMES


def test_without_pyav_webm_is_the_default_and_mp4_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    encoders.has_h264.cache_clear()
    try:
        assert encoders.default_suffix() == ".webm"
        with pytest.raises(DataError, match="pip install av"):
            VideoRecorder(tmp_path / "v.mp4", 25, (240, 320))
        assert list(tmp_path.iterdir()) == []
    finally:
        encoders.has_h264.cache_clear()


@pytest.mark.parametrize("suffix", [each for each in SUFFIXES if each.values != (".avi",)])
def test_a_browser_plays_it(suffix: str, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no browser: sudo apt-get install chromium")
    data = base64.b64encode(write_video(tmp_path / f"v{suffix}", (101, 151)).read_bytes()).decode()
    kind = {".mp4": "video/mp4", ".webm": "video/webm"}[suffix]
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<video muted></video>")
        seen = page.evaluate(
            """url => new Promise(done => {
                const video = document.querySelector('video');
                video.onended = () => done([video.videoWidth, video.videoHeight]);
                video.onerror = () => done(video.error.message);
                video.src = url;
                video.play();
            })""",
            f"data:{kind};base64,{data}",
        )
        browser.close()
    assert seen == [152, 102]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match="is not UTF-8; rename"):
        encoders.open_encoder(tmp_path / os.fsdecode(b"\xff" + suffix.encode()), 25, (48, 64))
