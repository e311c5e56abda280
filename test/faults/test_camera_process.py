"""Row H2 with real processes: a camera that was killed and started again is followed again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from support.moving_square import picture, square_box
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60.0
# What the fault matrix allows from the first new image to the first answer.
MATCHED_AGAIN_S = 5.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(2):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture(index))
    return folder


@contextmanager
def camera(pictures: Path, log: Path, domain_id: int) -> Iterator[subprocess.Popen[bytes]]:
    """A player that plays these pictures again and again and lists what it has published."""
    parameters = (f"source:={pictures}", "rate:=20.0", "loop:=true", f"log:={log}")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "siammask_ros.ros.nodes.player", "--ros-args"),
            *(word for parameter in parameters for word in ("-p", parameter)),
        ],
        cwd=ROOT,
        env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def published(log: Path) -> list[int]:
    """Stamps of the images that were published so far, in nanoseconds."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.endswith("\n")]


def test_h2_a_camera_that_was_killed_is_followed_again(pictures: Path, tmp_path: Path) -> None:
    with NodeBench() as bench:
        tracks = bench.client.heard[f"{NODE}/tracks"]
        domain_id = bench.context.get_domain_id()

        def answers_since(stamp_ns: int) -> int:
            stamps = [each.header.stamp for each in tracks]
            return sum(each.sec * 10**9 + each.nanosec >= stamp_ns for each in stamps)

        with camera(pictures, tmp_path / "first", domain_id) as process:
            wait_until(lambda: answers_since(0), "an answer", START_S)
            bench.client.send_box(square_box(0), "1")
            wait_until(lambda: tracks[-1].tracks, "the target", START_S)
            process.kill()
        status = bench.client.wait_for_status("image stream", 2, "no image for")
        assert status.message.endswith("on /image")
        with camera(pictures, tmp_path / "second", domain_id):
            (first, *_) = wait_until(
                lambda: published(tmp_path / "second"), "the camera to play again", START_S
            )
            began_s = time.monotonic()
            wait_until(lambda: answers_since(first), "an answer to it", START_S)
            assert time.monotonic() - began_s < MATCHED_AGAIN_S
            bench.client.send_box(square_box(0), "2")

            def is_tracked() -> bool:
                return any(
                    (each.id, each.state) == ("2", each.TRACKING) for each in tracks[-1].tracks
                )

            wait_until(is_tracked, "the next target to be tracked", START_S)
            bench.client.wait_for_status("image stream", 0, "on /image")
