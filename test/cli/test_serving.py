"""The page on a folder of pictures, without ROS."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from fake_engine import FakeEngine
from moving_square import picture, square_box
from page_bench import TIMEOUT_S, PageBench
from session_bench import wait_until

from siammask_ros.cli import BAD_INPUT, main
from siammask_ros.cli.serving import SessionFeed
from siammask_ros.media.frames import open_source
from siammask_ros.session import Tracker
from siammask_ros.tracker.config import settings_named

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
    tracker = Tracker(FakeEngine(), settings_named("lite"))
    feed = SessionFeed(
        open_source(pictures), tracker, {}, lambda shot: bench.server.show(shot), loop=True
    )
    asked_to_stop = threading.Event()
    with PageBench(feed=feed) as bench:
        player = threading.Thread(target=feed.play, args=(asked_to_stop,), daemon=True)
        player.start()
        yield bench
        asked_to_stop.set()
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
            box = list(square_box(10).bounding_xywh)
            # Large enough to hold the square wherever it is by now.
            answer = await page.ask(do="follow", box=box, stamp=about["stamp"])
            assert answer["ok"], answer
            about = await until("TRACKING")
            assert about["targets"][0]["contours"]
            assert (await page.ask(do="pause", paused=True))["ok"]
            while (await page.next_picture() or {})["targets"] is not None:
                pass
            assert (await page.ask(do="pause", paused=False))["ok"]
            await until("TRACKING")
            answer = await page.ask(do="forget", id="nobody")
            assert answer["text"] == "no such target: nobody"
            assert (await page.ask(do="reset"))["text"] == "1 targets forgotten"
            await until(None)
            status = await page.status()
            assert status["source"] == "pictures"
            assert status["choose_within_s"] == 5.0

    asyncio.run(asyncio.wait_for(visit(), 2 * TIMEOUT_S))


def test_the_command_serves_until_a_signal(pictures: Path) -> None:
    command = [sys.executable, "-m", "siammask_ros.cli", "track", str(pictures)]
    process = subprocess.Popen(
        [*command, "--serve", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("dashboard: http://127.0.0.1:")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serve", "--box", "1,2,30,40"], "--box does not go with --serve"),
        (["--serve", "--out", "x.mp4"], "--out does not go with --serve"),
        ([], "expected --box x,y,w,h, or --serve"),
        (["--serve", "--address", "0.0.0.0"], "a token is needed"),
        (["--serve", "--record-folder", "/no/such/folder"], "make it first"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    options: list[str], words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(pictures), *options]) == BAD_INPUT
    assert words in capsys.readouterr().err


def test_a_source_that_has_ended_is_shown_to_be_old(pictures: Path) -> None:
    tracker = Tracker(FakeEngine(), settings_named("lite"))
    feed = SessionFeed(open_source(pictures, 0, 3), tracker, {}, lambda shot: None)
    try:
        feed.play(threading.Event())
        wait_until(
            lambda: (feed.status().since_picture_s or 0) > feed.status().stale_after_s, "staleness"
        )
    finally:
        feed.close()
