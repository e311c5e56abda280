"""The page on the real processes: player, tracker with the shipped network, dashboard, browser."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import cv2
import pytest
import rclpy
from rclpy.context import Context
from support.dashboard_processes import Nodes, running_nodes
from support.moving_square import picture, square_box
from support.node_bench import NODE, Client
from support.session_bench import wait_until

WAIT_S = 120.0
STATES = {1: "TRACKING", 2: "UNCERTAIN", 3: "LOST", 4: "STALE"}
SHOWN = """() => {
  window.shown = [];
  document.getElementById("stage").addEventListener("shown", ({ detail }) => {
    window.shown.push({ stamp: detail.stamp, states: detail.targets?.map(({ state }) => state) });
  });
}"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    pictures = tmp_path_factory.mktemp("pictures")
    # It hardly moves: the box around its middle place has it, whenever the mouse draws that.
    for number, index in enumerate([*range(8, 12), *range(12, 8, -1)]):
        cv2.imwrite(str(pictures / f"{number:03d}.png"), picture(index))
    with running_nodes(folder, pictures, player={"rate": 10.0}, model="lite") as nodes:
        yield nodes


@pytest.fixture(scope="module")
def url(nodes: Nodes) -> str:
    return nodes.start_dashboard()


@pytest.fixture(scope="module")
def client(nodes: Nodes) -> Iterator[Client]:
    context = Context()
    rclpy.init(context=context, domain_id=int(nodes.environment["ROS_DOMAIN_ID"]))
    client = Client(context)
    yield client
    client.close()
    rclpy.shutdown(context=context)


@pytest.fixture
def page(url: str, context: Any) -> Any:
    return opened(url, context)


def opened(url: str, context: Any) -> Any:
    """A page on which pictures with an answer of the tracker's have come."""
    page = context.new_page()
    page.set_default_timeout(WAIT_S * 1000)
    page.goto(url)
    page.evaluate(SHOWN)
    page.wait_for_function("() => window.shown.filter(({ states }) => states).length > 3")
    return page


def count(page: Any) -> int:
    return int(page.evaluate("() => window.shown.length"))


def draw(page: Any, index: int) -> None:
    """A box around the square of picture ``index``, with the mouse."""
    frame = page.locator("#stage").bounding_box()
    scale = min(frame["width"] / 320, frame["height"] / 240)
    left = frame["x"] + (frame["width"] - 320 * scale) / 2
    x, y, width, height = square_box(index).bounding_xywh
    page.mouse.move(left + x * scale, frame["y"] + y * scale)
    page.mouse.down()
    page.mouse.move(left + (x + width) * scale, frame["y"] + (y + height) * scale, steps=2)
    page.mouse.up()


def test_a_box_drawn_with_the_mouse_is_followed_and_the_state_is_that_of_the_topic(
    page: Any, client: Client
) -> None:
    draw(page, 10)
    page.wait_for_selector("#targets li[data-id='1'][data-state='TRACKING']")
    page.wait_for_function("() => window.shown.at(-1).states?.includes('TRACKING')")

    def agreed() -> bool:
        """Whether pictures on the page say what the topic says of the very same image."""
        told = {
            f"{each.header.stamp.sec * 10**9 + each.header.stamp.nanosec}": [
                STATES[track.state] for track in each.tracks
            ]
            for each in client.heard[f"{NODE}/tracks"]
        }
        shown = page.evaluate("() => window.shown.slice(-40)")
        both = [(told[each["stamp"]], each["states"]) for each in shown if each["stamp"] in told]
        assert all(topic == states for topic, states in both if states is not None), both
        return len(both) > 5

    wait_until(agreed, "pictures whose tracks were heard here, too", WAIT_S)
    page.get_by_role("button", name="Forget target 1").click()
    page.wait_for_function("() => !document.querySelector('#targets li')")


def test_a_page_that_hangs_does_not_hold_up_another(page: Any, url: str, context: Any) -> None:
    hanging = opened(url, context)
    hanging.evaluate(
        "() => setTimeout(() => { const end = Date.now() + 4000; while (Date.now() < end); })"
    )
    before = count(page)
    page.wait_for_function("(before) => window.shown.length > before + 10", arg=before)
    hanging.close()


def test_a_camera_that_stops_is_shown_within_a_second_or_so(page: Any, nodes: Nodes) -> None:
    nodes.player.process.send_signal(signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        page.wait_for_function("() => !document.getElementById('cover').hidden")
        assert page.locator("#cover-title").text_content() == "Not live"
        # A second by design; the machine may be busy with others.
        assert time.monotonic() - began_s < 5
    finally:
        nodes.player.process.send_signal(signal.SIGCONT)
    page.wait_for_function("() => document.getElementById('cover').hidden")


def test_the_page_finds_the_dashboard_that_was_killed_and_started_again(
    page: Any, nodes: Nodes, url: str
) -> None:
    page.context.complaints.clear()
    assert nodes.dashboard is not None
    nodes.dashboard.process.kill()
    page.wait_for_selector("#link[data-state='lost']")
    port = int(url.rstrip("/").rpartition(":")[2])
    nodes.start_dashboard(port=port)
    page.wait_for_selector("#link[data-state='live']")
    before = count(page)
    page.wait_for_function("(before) => window.shown.length > before + 3", arg=before)
    # A browser says that it could not reach it meanwhile.
    page.context.complaints[:] = [
        each for each in page.context.complaints if "ERR_CONNECTION" not in each
    ]


def test_pictures_of_the_shipped_network_have_a_mask(page: Any) -> None:
    draw(page, 10)
    page.wait_for_function(
        """() => new Promise((done) => document.getElementById("stage").addEventListener(
            "shown", ({ detail }) => done((detail.targets?.[0]?.contours ?? []).length > 0),
            { once: true }))"""
    )
