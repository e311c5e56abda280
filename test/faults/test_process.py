"""Row G7 with real processes: two signals end the node within three seconds, without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from support.moving_square import square_box
from support.node_bench import NODE, Client
from support.session_bench import wait_until

from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION

PROCESS = Path(__file__).resolve().parent.parent / "support" / "fake_tracker.py"
START_S = 60.0
AT_ONCE = ("-p", "autostart:=true", "-p", "max_targets:=1")


@contextmanager
def running_node(log: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Client]]:
    """The node as a process that is active and known to a client."""
    context = Context()
    rclpy.init(context=context)
    client = Client(context)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, PROCESS, *arguments, "--ros-args", *AT_ONCE],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(
                lambda: (
                    client.images.get_subscription_count() > 0
                    and client.boxes.get_subscription_count() > 0
                    and client.node.count_publishers(f"{NODE}/tracks") > 0
                ),
                "the node to be active",
                START_S,
            )
            yield process, client
        finally:
            process.kill()
            process.wait()
            client.close()
            rclpy.shutdown(context=context)


def first_answer(client: Client) -> None:
    """Sends pictures until one is answered: only then do both sides know each other."""
    until = time.monotonic() + START_S
    while not client.heard[f"{NODE}/tracks"] and time.monotonic() < until:
        client.send(0)
        time.sleep(0.1)
    assert client.heard[f"{NODE}/tracks"]


def follow_square(client: Client, header: Any, log: Path) -> None:
    """Sends the box until the node follows it: one that came before both met was not heard."""
    until = time.monotonic() + START_S
    while "tracking target '1'" not in log.read_text() and time.monotonic() < until:
        client.send_box(square_box(0), "1", header)
        time.sleep(0.5)
    assert "tracking target '1'" in log.read_text()


@pytest.mark.parametrize("engine", ["ok", "hang"])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_g7_two_signals_during_an_inference_end_the_process_in_time(
    engine: str, first: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running_node(log, engine) as (process, client):
        first_answer(client)
        header = client.send(0)
        client.of_stamp(f"{NODE}/tracks", header)
        follow_square(client, header, log)
        client.send(1)
        time.sleep(0.1)
        began_s = time.monotonic()
        process.send_signal(first)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        took_s = time.monotonic() - began_s
    assert code == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert took_s < 3


def test_g7_a_signal_before_the_node_is_configured_ends_it_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, PROCESS], stdout=output, stderr=output)
    try:
        time.sleep(0.2)
        wait_until(lambda: _catches_signals(process.pid), "the node to listen to signals", START_S)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("-p no_such_parameter:=1", "error: unknown parameters: no_such_parameter"),
        ("-p size_rate:=7.5", "Parameter size_rate out of range Min: 0.0, Max: 1.0"),
        ("-p model:=vgg", "error: model is 'vgg'; expected one of"),
        ("-p model:=1", "error: Trying to set parameter 'model' to '1' of type 'INTEGER'"),
        ("-p model:=[lite", "Couldn't parse parameter override rule: '-p model:=[lite'"),
        ("--params-file missing.yaml", "Couldn't parse params file: '--params-file missing.yaml'"),
        ("-r __ns:=/front//rear", "Couldn't parse remap rule: '-r __ns:=/front//rear'"),
        ("--parameters", "error: unknown ROS arguments: ['--parameters']"),
    ],
)
def test_g2_what_cannot_be_used_at_the_start_is_said_in_one_line(
    arguments: str, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, PROCESS, "--ros-args", *arguments.split()],
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    assert done.returncode == EXIT_CONFIGURATION
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def _catches_signals(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
