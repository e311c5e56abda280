"""Rows A7, A11, C4, F2, H1 and H3 with real processes, and another one after every death.

The long forms (20 deaths, 3 × 1,500 damaged messages) run where SIAMMASK_LONG_FAULTS is set.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import time
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from support.moving_square import picture
from support.node_bench import NODE
from support.session_bench import wait_until
from support.supervised_node import SupervisedNode

from siammask_ros.ros.runtime.exit_codes import EXIT_ENGINE_LOST
from siammask_ros.ros.tracking_io.diagnostics import RESTARTED
from siammask_ros.ros.tracking_io.messages import build_image

HERE = Path(__file__).resolve().parent
IS_LONG = bool(os.environ.get("SIAMMASK_LONG_FAULTS"))
DEATHS = 20 if IS_LONG else 1
SEEDS = 3 if IS_LONG else 1
DAMAGED = 1500 if IS_LONG else 150
OK, WARN, ERROR = 0, 1, 2
WRITE_LIMIT_MS = 100


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupervisedNode]:
    """One process for all that should not hurt it."""
    log = tmp_path_factory.mktemp("node") / "log"
    with SupervisedNode(log) as node:
        node.wait_for_answer()
        yield node


@contextmanager
def listeners(node: SupervisedNode, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process of so many readers of every output, which says ``ready`` and what they heard."""
    process = subprocess.Popen(
        [sys.executable, HERE / "many_listeners.py", str(count)],
        env={**os.environ, "ROS_DOMAIN_ID": str(node.context.get_domain_id())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def median_latency(node: SupervisedNode) -> dict[str, float]:
    """How long an image waits and an answer takes to leave, when images come one by one."""
    heard = node.client.heard[f"{NODE}/latency"]
    for index in range(1, 40):
        node.wait_for_answer(index % 12)
    latencies = heard[-30:]
    return {
        stage: statistics.median(getattr(each, stage) for each in latencies)
        for stage in ("wait_ms", "publish_ms")
    }


def test_f2_a_reader_that_does_not_read_holds_nobody_up(node: SupervisedNode) -> None:
    with listeners(node, 19) as reading, listeners(node, 1) as standing:
        for process in (reading, standing):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        node.follow(0)
        reading_all = median_latency(node)
        standing.send_signal(signal.SIGSTOP)
        held_up = median_latency(node)
        # A write that a reader holds up takes the 100 ms that Fast DDS allows it. How long one
        # takes otherwise depends on how busy the machine is.
        for stage, before_ms in reading_all.items():
            assert held_up[stage] < before_ms + WRITE_LIMIT_MS, stage
        status = node.client.status("inference")
        assert status is not None
        assert status.level < bytes([ERROR])
        heard, _ = reading.communicate("done\n", timeout=60)
        assert min(int(count) for count in heard.split()) > 5
        node.follow(0, "2")
        node.assert_tracks(1, "2")
    node.client.reset()


def test_h3_nodes_that_come_and_go_cost_no_frame_and_no_memory(node: SupervisedNode) -> None:
    node.follow(0)
    node.assert_tracks(1)
    before_mb = node.memory_mb
    process = subprocess.Popen(
        [sys.executable, HERE / "short_lived_nodes.py", "50"],
        env={**os.environ, "ROS_DOMAIN_ID": str(node.context.get_domain_id())},
    )
    lost = 0
    while process.poll() is None:
        header = node.client.send(1)
        lost += not _is_answered(node, header)
    assert process.returncode == 0
    assert lost == 0
    assert node.memory_mb - before_mb < 40
    node.assert_tracks(1)
    node.client.reset()


def _is_answered(node: SupervisedNode, header: object) -> bool:
    try:
        node.client.of_stamp(f"{NODE}/tracks", header, 20)
    except AssertionError:
        return False
    return True


def test_a7_a_picture_that_would_fill_the_memory_is_refused_by_the_size_in_its_header(
    node: SupervisedNode,
) -> None:
    client = node.client
    assert client.change_state("deactivate")
    (answer,) = client.set_parameters(image_transport="compressed")
    assert answer.successful
    assert client.change_state("activate")
    before_mb = node.memory_mb
    publisher = client.publisher(CompressedImage, "/image/compressed")
    for _ in range(5):
        publisher.publish(_compressed(node, _bomb(60_000)))
        client.wait_for_status("image stream", WARN, "60000×60000")
    assert node.memory_mb - before_mb < 100, "the picture would have 10 GB"
    client.wait_for_status("image stream", WARN, "60000×60000")
    answers = client.heard[f"{NODE}/tracks"]
    count = len(answers)

    def is_answered() -> bool:
        png = _compressed(node, _png(picture(0)))
        publisher.publish(png)
        return len(answers) > count

    wait_until(is_answered, "the next good picture to be answered")
    assert client.change_state("deactivate")
    (answer,) = client.set_parameters(image_transport="raw")
    assert answer.successful
    assert client.change_state("activate")
    node.follow(0)
    node.assert_tracks(1)
    assert node.exit_codes == []
    client.reset()


def _compressed(node: SupervisedNode, data: bytes) -> CompressedImage:
    return CompressedImage(header=node.client.header(), format="png", data=array("B", data))


def _bomb(side_px: int) -> bytes:
    """A PNG of some hundred bytes that says it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _png(image: object) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a11_damaged_messages_are_refused_or_the_node_is_there_again(
    node: SupervisedNode, seed: int
) -> None:
    """Bytes as no ROS 2 publisher sends them: what the middleware makes of them is its own."""
    rng = random.Random(seed)
    client = node.client
    good = serialize_message(build_image(client.header(), picture(1)))
    for number in range(DAMAGED):
        client.images.publish(_damaged(good, rng))
        # Best effort, one deep: what comes too fast would only replace what came before.
        time.sleep(0.005)
        if number % 50 == 49:
            node.wait_for_answer()
    node.follow(0)
    node.assert_tracks(1)
    client.reset()
    assert "image refused" in node.log.read_text()
    assert all(code == -signal.SIGSEGV for code in node.exit_codes), node.log.read_text()


def _damaged(message: bytes, rng: random.Random) -> bytes:
    """Some of the first bytes changed, where the lengths are, or the end cut off."""
    damaged = bytearray(message)
    for _ in range(rng.choice([1, 2, 8])):
        damaged[rng.randrange(60)] = rng.randrange(256)
    if rng.random() < 0.3:
        del damaged[rng.randrange(4, len(damaged)) :]
    return bytes(damaged)


def test_h1_a_node_that_is_killed_is_there_again_without_targets_and_says_so(
    tmp_path: Path,
) -> None:
    with SupervisedNode(tmp_path / "log") as node:
        node.wait_for_answer()
        for death in range(1, DEATHS + 1):
            node.follow(0)
            node.assert_tracks(1)
            killed_ns = node.client.node.get_clock().now().nanoseconds
            node.process.kill()
            wait_until(lambda: len(node.exit_codes) == death, "the death")  # noqa: B023
            assert node.wait_for_answer(1).tracks == []
            status = _targets_said_after(node, killed_ns)
            assert status.message == f"0 targets, 0 of them LOST; {RESTARTED}"
            assert status.level == bytes([WARN])
        node.follow(0)
        node.assert_tracks(1)

        def is_fine() -> bool:
            status = node.client.status("targets")
            return status is not None and status.message == "1 target, 0 of them LOST"

        wait_until(is_fine, "the new target to end it")
        assert node.exit_codes == [-signal.SIGKILL] * DEATHS


def _targets_said_after(node: SupervisedNode, after_ns: int) -> DiagnosticStatus:
    """What an active node said of its targets after this time."""

    def said() -> DiagnosticStatus | None:
        for message in node.client.heard["/diagnostics"]:
            stamp, status = message.header.stamp, message.status[2]
            if stamp.sec * 10**9 + stamp.nanosec > after_ns and "LOST" in status.message:
                return status
        return None

    return wait_until(said, "diagnostics of the successor")


def test_c4_a_node_whose_device_is_lost_ends_and_another_one_tracks(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with SupervisedNode(log, "lost", max_targets=1) as node:
        # The first process is lost at its first search; who follows is its successor.
        node.follow(0)
        assert node.exit_codes == [EXIT_ENGINE_LOST], log.read_text()
        node.assert_tracks(1)
        said = {
            status.message
            for message in node.client.heard["/diagnostics"]
            for status in message.status
            if status.level == bytes([ERROR])
        }
        assert any(each.startswith("engine lost, restart the process") for each in said), said
        assert "engine lost; exiting so that the node is restarted" in log.read_text()
