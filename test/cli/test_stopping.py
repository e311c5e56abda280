"""Signals: files are finished, and no traceback comes out, however early a signal is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.documented_rows import read_rows
from support.moving_square import picture, square_box
from support.session_bench import wait_until

from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source

ROOT = Path(__file__).resolve().parent.parent.parent
FRAMES = 300
START_S = 120.0
BOX = ",".join(str(value) for value in square_box(0).bounding_xywh)

SLOW = """
import sys
from support.fake_engine import FakeEngine
from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker
shared.open_tracker = lambda options: Tracker(FakeEngine(delay_s=0.2), find_preset("lite"))
sys.exit(cli.main(sys.argv[1:]))
"""

# Sends itself Ctrl-C when a module is about to be imported.
INTERRUPTER = """
import os, signal, sys

def interrupt(event, args):
    if event == "import" and args[0] == os.environ["INTERRUPT_AT"]:
        os.environ["INTERRUPT_AT"] = ""
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture(index))
    for index in range(12, FRAMES):
        (folder / f"{index:05d}.png").symlink_to(folder / f"{index % 12:05d}.png")
    return folder


def _heed_signals() -> None:
    # A shell starts a background job with SIGINT ignored, nohup with SIGHUP.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_video_and_rows(
    number: signal.Signals, images: Path, tmp_path: Path
) -> None:
    video, rows = tmp_path / f"r{default_suffix()}", tmp_path / "r.jsonl"
    files = ("--out", str(video), "--json", str(rows))
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "track", str(images), "--box", BOX, *files],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'test'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,
    )
    try:
        wait_until(
            lambda: process.poll() is not None or (rows.exists() and rows.stat().st_size > 2000),
            "some frames to be tracked",
            START_S,
        )
        process.send_signal(number)
        _, errors = process.communicate(timeout=START_S)
    finally:
        process.kill()
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    tracked = len(read_rows(rows))
    assert 1 < tracked < FRAMES
    assert len(list(open_source(video))) in (tracked, tracked + 1)


@pytest.mark.parametrize(
    "module", ["argparse", "siammask_ros.cli.track", "numpy", "cv2", "torch", "openvino"]
)
def test_ctrl_c_in_the_first_second_leaves_no_traceback(
    module: str, images: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(INTERRUPTER)
    command = ["track", str(images), "--box", BOX, "--last", "1", "--out", str(tmp_path / "r.avi")]
    done = subprocess.run(
        [sys.executable, "-m", "siammask_ros.cli", *command],
        env={**os.environ, "PYTHONPATH": f"{site}:{ROOT}", "INTERRUPT_AT": module},
        capture_output=True,
        text=True,
        preexec_fn=_heed_signals,
    )
    if done.returncode == 0:
        pytest.skip(f"{module} is not imported here")
    assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert done.stderr == ""


def test_a_signal_that_is_ignored_from_the_start_stays_ignored() -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from siammask_ros.cli.stopping import handle_stop_signals\n"
        "with handle_stop_signals(): os.kill(os.getpid(), signal.SIGHUP)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_second_signal_lets_the_files_be_finished() -> None:
    code = (
        "import os, signal\n"
        "from siammask_ros.cli.stopping import Stopped, handle_stop_signals\n"
        "try:\n"
        "    with handle_stop_signals():\n"
        "        try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "        finally:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            print('finished')\n"
        "except Stopped as stopped: print(stopped.code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["finished", "143"]
