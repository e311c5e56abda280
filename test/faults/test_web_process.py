"""Row K9 with real processes: whatever the dashboard does, the tracker answers every image."""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import rclpy
from rclpy.context import Context
from support.dashboard_processes import Nodes, running_nodes
from support.moving_square import picture
from support.node_bench import NODE, Client
from support.page_visitor import visitor
from support.session_bench import wait_until

WAIT_S = 60.0


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """A tracker, and a player that is ended again: the test sends the images itself."""
    source = tmp_path / "pictures"
    source.mkdir()
    cv2.imwrite(str(source / "0.png"), picture(0))
    with running_nodes(tmp_path, source, "support.fake_tracker", player={"rate": 1.0}) as nodes:
        nodes.player.stop()
        yield nodes


@pytest.fixture
def client(nodes: Nodes) -> Iterator[Client]:
    context = Context()
    rclpy.init(context=context, domain_id=int(nodes.environment["ROS_DOMAIN_ID"]))
    client = Client(context)
    yield client
    client.close()
    rclpy.shutdown(context=context)


def answer_s(client: Client, images: int) -> float:
    """The median time until an image is answered, sent one after the other; none is missing.

    Images are sent best effort. One that never arrived is answered when it is sent again; one that
    arrived and was not answered is out of order by then, and stays without an answer.
    """
    times_s = []
    for index in range(images):
        began_s = time.monotonic()
        header = client.send(index % 40)
        try:
            client.of_stamp(f"{NODE}/tracks", header, 10.0)
        except AssertionError:
            client.of_stamp(f"{NODE}/tracks", client.send(index % 40, header), 10.0)
        times_s.append(time.monotonic() - began_s)
    return statistics.median(times_s)


def test_k9_a_dashboard_that_hangs_or_was_killed_costs_no_answer_and_comes_back(
    nodes: Nodes, client: Client
) -> None:
    def first_answer() -> bool:
        client.send(0)
        time.sleep(0.1)
        return bool(client.heard[f"{NODE}/tracks"])

    wait_until(first_answer, "the tracker's first answer", WAIT_S)
    url = nodes.start_dashboard()
    with visitor(url) as page:

        def is_shown() -> bool:
            answer_s(client, 1)
            return len(page.numbers) > 3

        wait_until(is_shown, "pictures on the page", WAIT_S)
        undisturbed_s = answer_s(client, 40)
        assert nodes.dashboard is not None
        nodes.dashboard.process.send_signal(signal.SIGSTOP)
        hanging_s = answer_s(client, 80)
        nodes.dashboard.process.kill()
        dead_s = answer_s(client, 40)
    # The machine may be busy with others; a reader that is waited for costs seconds.
    assert max(hanging_s, dead_s) < undisturbed_s + 0.5, (undisturbed_s, hanging_s, dead_s)
    with visitor(nodes.start_dashboard()) as page:
        wait_until(is_shown, "pictures on the page again", WAIT_S)
