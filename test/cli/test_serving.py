"""The page on a folder of pictures, without ROS."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.page_bench import TIMEOUT_S, PageBench
from support.session_bench import wait_until

from siammask_ros.cli import BAD_INPUT, main
from siammask_ros.cli.serving import SessionFeed, build_diagnostics
from siammask_ros.errors import DataError
from siammask_ros.media.frames import CameraSource, SourceFrame, open_source
from siammask_ros.session import Level, Session, Tracker
from siammask_ros.tracker.config import find_preset
from siammask_ros.web.feed import AnnotatedFrame

FRAMES = 20
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, index in enumerate([*range(FRAMES), *range(FRAMES, 0, -1)]):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture(index))
    return folder


@pytest.fixture
def bench(pictures: Path) -> Iterator[PageBench]:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    feed = SessionFeed(open_source(pictures), lambda frame: bench.server.show(frame), loop=True)
    feed.start(tracker, {})
    stop_event = threading.Event()
    with PageBench(feed=feed) as bench:
        player = threading.Thread(target=feed.play, args=(stop_event,), daemon=True)
        player.start()
        yield bench
        stop_event.set()
        player.join()
        feed.close()


def test_a_target_is_followed_through_a_video_that_is_looped(bench: PageBench) -> None:
    async def visit() -> None:
        async with bench.page() as page:

            async def until(state: str | None) -> dict[str, Any]:
                while True:
                    about = await page.next_picture()
                    assert about is not None
                    states = [target["state"] for target in about["targets"] or ()]
                    if states == ([state] if state else []):
                        return about

            about = await until(None)
            first = about["stamp"]
            status = await page.status()
            assert (status["source"], status["playback"]) == ("pictures", "waiting")
            assert await page.next_picture(0.5) is None, "it stands still until it is asked to play"
            answer = await page.ask(do="follow", box=list(square_box(0).bounding_xywh), stamp=first)
            assert answer["ok"], answer
            about = await until("TRACKING")
            assert about["targets"][0]["contours"]
            assert int(about["stamp"]) > int(first), "the video plays"
            assert (await page.ask(do="pause", paused=True))["ok"]
            await page.status(lambda status: status["paused"])
            # A frame may still be on its way through the tracker.
            while await page.next_picture(0.5) is not None:
                pass
            async with bench.page() as other:
                last = await other.next_picture()
            assert last is not None
            assert [each["id"] for each in last["targets"]] == ["1"], "kept, and still drawn"
            x, y, width, height = square_box(0).bounding_xywh
            answer = await page.ask(do="follow", box=[x, y, width, height], stamp=last["stamp"])
            assert answer["ok"], answer
            # At once, though the video stands still; perhaps before the answer.
            await page.until_shown(2)
            answer = await page.ask(do="forget", id="nobody")
            assert answer["text"] == "no such target: nobody"
            assert (await page.ask(do="reset"))["text"] == "2 targets forgotten"
            await page.until_shown(0)
            assert (await page.ask(do="reset"))["text"] == "0 targets forgotten"
            assert (await page.ask(do="pause", paused=False))["ok"]
            for _ in range(3):
                assert await page.next_picture() is not None
            status = await page.status()
            assert (status["box_timeout_s"], status["playback"]) == (5.0, "playing")

    asyncio.run(asyncio.wait_for(visit(), 2 * TIMEOUT_S))


@pytest.mark.parametrize("until", ["loading the network …", "ready"])
def test_the_command_serves_until_a_signal(until: str, pictures: Path) -> None:
    command = [sys.executable, "-m", "siammask_ros.cli", "track", str(pictures)]
    process = subprocess.Popen(
        [*command, "--serve", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("dashboard: http://127.0.0.1:")
        lines = [line.strip()]
        while lines[-1] != until:
            lines.append(process.stdout.readline().strip())
        assert "for a phone: --address 0.0.0.0 --token-file FILE" in lines
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serve", "--box", "1,2,30,40"], "--box cannot be used with --serve"),
        (["--serve", "--out", "x.mp4"], "--out cannot be used with --serve"),
        ([], "expected --box x,y,w,h, --mask first.png or --serve"),
        (["--serve", "--address", "0.0.0.0"], "a token is required"),
        (["--serve", "--record-folder", "/no/such/folder"], "create it first"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    options: list[str], words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(pictures), *options]) == BAD_INPUT
    assert words in capsys.readouterr().err


def test_a_page_that_is_opened_while_the_video_waits_gets_its_first_picture(
    bench: PageBench,
) -> None:
    async def visit() -> tuple[Any, Any]:
        async with bench.page() as page:
            early = await page.next_picture()
        async with bench.page() as page:
            return early, await page.next_picture()

    early, late = asyncio.run(asyncio.wait_for(visit(), TIMEOUT_S))
    assert early["jpeg"] == late["jpeg"]


def test_a_video_that_has_ended_plays_again_from_its_beginning(pictures: Path) -> None:
    shown: list[AnnotatedFrame] = []
    feed = SessionFeed(open_source(pictures, 0, 3), shown.append)
    assert feed.status().playback == "loading"
    with pytest.raises(DataError, match="being loaded"):
        feed.follow((1, 2, 30, 40), "", 0)
    feed.start(Tracker(FakeEngine(), find_preset("lite")), {})
    stop_event = threading.Event()
    player = threading.Thread(target=feed.play, args=(stop_event,), daemon=True)
    player.start()
    try:
        wait_until(lambda: feed.status().playback == "waiting" and bool(shown), "the first picture")
        feed.follow(square_box(0).bounding_xywh, "", shown[0].stamp_ns)
        wait_until(lambda: feed.status().playback == "ended", "the end")
        wait_until(lambda: (shown[-1].image == picture(3)).all(), "the last picture")
        status = feed.status()
        assert [target.state for target in status.targets] == ["TRACKING"], "not STALE"
        assert all(each.level == 0 for each in status.diagnostics), "silence is no error now"
        assert len(status.latencies) < status.processed, "frames without targets do not count"
        with pytest.raises(DataError, match="has ended"):
            feed.follow((1, 2, 30, 40), "", shown[-1].stamp_ns)
        count = len(shown)
        feed.pause(False)
        wait_until(lambda: len(shown) > count and feed.status().playback == "ended", "it again")
        stamps = [each.stamp_ns for each in shown]
        assert stamps == sorted(set(stamps)), "the clock goes on"
        assert feed.status().targets == (), "they were somewhere else at the beginning"
    finally:
        stop_event.set()
        player.join(TIMEOUT_S)
        feed.close()


def test_silence_is_no_fault_of_a_stopped_video() -> None:
    session = Session(Tracker(FakeEngine(), find_preset("lite")), lambda answer: None)
    try:
        silent = replace(session.health(), since_frame_s=60.0, since_processed_s=60.0)
    finally:
        session.stop()
    (playing, *_) = (each for each in build_diagnostics(silent, False) if "inference" in each.name)
    assert playing.level == Level.WARN
    (still,) = build_diagnostics(silent, True)
    assert (still.level, still.message) == (Level.OK, "idle: the video is stopped")
    (failed,) = build_diagnostics(replace(silent, errors_in_row=1, last_error="broken"), True)
    assert (failed.level, failed.message) == (Level.WARN, "the last frame failed: broken")


def test_a_camera_that_plays_by_itself_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    class Camera(CameraSource):
        name, fps, size, length = "0", 50.0, (240, 320), None  # type: ignore[assignment]

        def __init__(self) -> None:
            """Opens nothing."""

        def __iter__(self) -> Iterator[SourceFrame]:
            return (SourceFrame(index, picture(index % 40), index / 50) for index in range(10**6))

    shown: list[AnnotatedFrame] = []
    feed = SessionFeed(Camera(), shown.append)
    feed.start(Tracker(FakeEngine(), find_preset("lite")), {})
    stop_event = threading.Event()
    player = threading.Thread(target=feed.play, args=(stop_event,), daemon=True)
    player.start()
    try:
        wait_until(lambda: len(shown) > 3, "pictures")
        assert feed.status().playback == ""
        feed.pause(True)
        wait_until(lambda: shown[-1].targets is None, "pictures without answers")
        assert feed.status().paused
        feed.pause(False)
        wait_until(lambda: shown[-1].targets is not None, "answers")
    finally:
        stop_event.set()
        player.join(TIMEOUT_S)
        feed.close()
