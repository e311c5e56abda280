"""Rows G7 and J1 with a real recorder: what it wrote is whole, whatever ended it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.documented_rows import read_rows
from support.moving_square import square_box
from support.node_bench import NodeBench
from support.session_bench import wait_until

from siammask_ros.ros.nodes.recorder import READY

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60.0
DISK_FULL, ENDED = 2, 0


@contextmanager
def recorder(bench: NodeBench, file: Path, limit_bytes: int) -> Iterator[subprocess.Popen[str]]:
    """A recorder that may write a file of so many bytes and no more; FILE.said is its output."""
    box = [float(number) for number in square_box(0).bounding_xywh]
    limits = (limit_bytes, limit_bytes)
    with said(file).open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "siammask_ros.ros.nodes.recorder", "--ros-args"),
                *("-p", f"record:={file}", "-p", f"box:={box}"),
            ],
            cwd=ROOT,
            env={**os.environ, "ROS_DOMAIN_ID": str(bench.context.get_domain_id())},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(file: Path) -> Path:
    return file.with_suffix(".said")


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("limit_bytes", "end", "code"),
    [
        pytest.param(20_000, lambda process: None, DISK_FULL, id="j1-full-disk"),
        pytest.param(1 << 30, lambda p: p.send_signal(signal.SIGTERM), ENDED, id="g7-signal"),
    ],
)
def test_j1_g7_a_recording_is_whole_whatever_ends_it_and_tracking_goes_on(
    limit_bytes: int, end: Callable[[Any], None], code: int, tmp_path: Path
) -> None:
    file = tmp_path / "recorded.jsonl"
    with NodeBench() as bench, recorder(bench, file, limit_bytes) as process:
        sent = 0

        def is_recorded() -> bool:
            nonlocal sent
            bench.client.answer(sent % 12)
            sent += 1
            is_ready = READY in said(file).read_text()
            is_filled = file.exists() and file.stat().st_size > 15_000
            is_filled = is_filled and '"corners"' in file.read_text()
            return process.poll() is not None or (is_ready and is_filled)

        wait_until(is_recorded, "something to be written", START_S)
        end(process)

        def has_ended() -> bool:
            bench.client.answer(3)
            return process.poll() is not None

        wait_until(has_ended, "the recorder to end", START_S)
        assert process.stderr is not None
        # Only ours: with so small a limit Fast DDS 3 has no shared memory, and says so at length.
        errors = [line for line in process.stderr.read().splitlines() if line.startswith("error:")]
        assert process.returncode == code
        assert len(errors) == (1 if code else 0), errors
        assert {row["kind"] for row in rows(file)} >= {"tracks", "latency"}
        found = read_rows(file)
        # A full disk may come before the box takes effect.
        assert code == DISK_FULL or any(row["targets"] for row in found)
        bench.started(4, "2")
        bench.assert_tracks(5, "2")
