"""The dashboard's node on the real tracker node, over real ROS 2; a page without a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from support.moving_square import square_box
from support.node_bench import NODE, NodeBench
from support.page_bench import Page, PageBench
from support.session_bench import wait_until

from siammask_ros.errors import SiamMaskError
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.ros.dashboard.config import DashboardConfig
from siammask_ros.ros.nodes.dashboard import DashboardNode
from siammask_ros.ros.runtime.process import start_executor
from siammask_ros.web.config import WebConfig

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 60.0


class DashboardBench:
    """A tracker and a dashboard; use it in a with statement. Pages are opened as in PageBench."""

    page = PageBench.page

    def __init__(self, bench: NodeBench, **parameters: Any) -> None:
        self.bench = bench
        self.index = 0
        self.sent: dict[str, int] = {}
        self.node = DashboardNode(
            context=bench.context,
            parameter_overrides=[
                Parameter(name, value=value) for name, value in {"port": 0, **parameters}.items()
            ],
        )
        self._asked = threading.Event()
        self._executor, self._spinning = start_executor(self.node, self._asked)

    @property
    def url(self) -> str:
        return self.node.url.rstrip("/")

    def __enter__(self) -> DashboardBench:
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.set()
        self._executor.wake()
        self._spinning.join(5)
        self.node.destroy_node()
        self._executor.shutdown(1)

    async def until(self, page: Page, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Sends pictures until the page shows one of which this is true."""
        until_s = time.monotonic() + WAIT_S
        while time.monotonic() < until_s:
            header = self.bench.client.send(self.index)
            self.sent[str(stamp_ns(header))] = self.index
            self.index = min(self.index + 1, 20)
            about = await page.next_picture(0.2)
            if about is not None and is_there(about):
                return about
        raise AssertionError(f"no such picture; the last one: {about}, {page.statuses[-1:]}")

    def square(self, about: dict[str, Any]) -> list[float]:
        """Where the square is on a picture that the page shows."""
        return list(square_box(self.sent[about["stamp"]]).bounding_xywh)


def states(about: dict[str, Any]) -> dict[str, str]:
    return {target["id"]: target["state"] for target in about["targets"] or ()}


def test_a_target_is_chosen_followed_paused_and_forgotten_from_the_page() -> None:
    async def visit(bench: DashboardBench) -> None:
        async with bench.page() as page:
            about = await bench.until(page, lambda each: each["targets"] == [])
            assert (about["width"], about["height"]) == (320, 240)
            assert about["jpeg"][:2] == b"\xff\xd8"
            status = await page.status(lambda status: status["processed"] > 0)
            assert status["latency"]["frames"] == [], "a frame without a target says nothing"
            answer = await page.ask(do="follow", box=bench.square(about), stamp=about["stamp"])
            assert answer["ok"], answer
            about = await bench.until(page, lambda each: states(each) == {"1": "TRACKING"})
            (target,) = about["targets"]
            assert len(target["corners"]) == 8
            assert target["contours"], "its mask"
            wait_until(lambda: bench.bench.client.heard[f"{NODE}/tracks"][-1].tracks, "tracks")
            answer = await page.ask(do="pause", paused=True)
            assert (answer["ok"], answer["text"]) == (True, "paused")
            status = await page.status(lambda status: status["paused"])
            assert [target["id"] for target in status["targets"]] == ["1"], "kept"
            assert status["latency"]["frames"]
            await bench.until(page, lambda each: each["targets"] is None)
            assert (await page.ask(do="pause", paused=False))["ok"]
            await bench.until(page, lambda each: states(each) == {"1": "TRACKING"})
            assert (await page.ask(do="forget", id="1"))["ok"]
            await bench.until(page, lambda each: each["targets"] == [])
            answer = await page.ask(do="reset")
            assert answer["text"] == "0 targets forgotten"
            status = await page.status()
            assert status["source"] == "/image"
            assert status["engine"]["engine"] == "fake"
            assert status["engine"]["model"] == "lite"
            assert status["box_timeout_s"] == 2.5
            assert status["processed"] > 0
            assert status["latency"]["age_ms"].keys() == {"p50", "p95", "p99"}
            assert {each["name"] for each in status["diagnostics"]} == {
                f"siammask_tracker: {part}" for part in ("image stream", "inference", "targets")
            }

    with NodeBench(history_s=2.5) as bench, DashboardBench(bench) as dashboard:
        asyncio.run(asyncio.wait_for(visit(dashboard), 2 * WAIT_S))


def test_a_box_that_cannot_be_is_refused_on_the_page_and_the_next_one_is_followed() -> None:
    async def visit(bench: DashboardBench) -> None:
        async with bench.page() as page:
            about = await bench.until(page, lambda each: each["targets"] == [])
            answer = await page.ask(do="follow", box=[10, 10, 3, 3], stamp="0")
            assert not answer["ok"]
            assert "at least 8×8 px" in answer["text"]
            answer = await page.ask(do="follow", box=[900, 10, 30, 30], stamp="0")
            assert "outside the 320×240 image" in answer["text"]
            answer = await page.ask(do="follow", box=bench.square(about), stamp=about["stamp"])
            assert answer["ok"], answer
            await bench.until(page, lambda each: "1" in states(each))

    with NodeBench() as bench, DashboardBench(bench) as dashboard:
        asyncio.run(asyncio.wait_for(visit(dashboard), 2 * WAIT_S))


def test_pictures_are_read_only_while_somebody_looks() -> None:
    async def visit(bench: DashboardBench) -> None:
        async with bench.page() as page:
            await bench.until(page, lambda each: True)
            assert readers() == 2

    with NodeBench() as bench, DashboardBench(bench) as dashboard:

        def readers() -> int:
            return int(bench.client.images.get_subscription_count())

        wait_until(lambda: readers() == 1, "the tracker alone to read the images", WAIT_S)
        asyncio.run(asyncio.wait_for(visit(dashboard), 2 * WAIT_S))
        wait_until(lambda: readers() == 1, "the dashboard to read no more", WAIT_S)


def test_without_a_tracker_the_page_says_so_and_shows_the_camera() -> None:
    async def visit(bench: DashboardBench) -> None:
        async with bench.page() as page:
            await bench.until(page, lambda each: each["targets"] is None)
            for message in ({"do": "reset"}, {"do": "follow", "box": [1, 2, 30, 40], "stamp": "0"}):
                answer = await page.ask(**message)
                assert not answer["ok"]
                assert "nobody is not running; start it" in answer["text"]
            assert not (await page.status())["is_tracker_there"]

    with NodeBench() as bench, DashboardBench(bench, tracker="nobody") as dashboard:
        asyncio.run(asyncio.wait_for(visit(dashboard), 2 * WAIT_S))
        bench.started()
        bench.assert_tracks(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70000),
        ("address", "robot.local"),
        ("address", "0.0.0.0"),
        ("record_folder", "/no/such/folder"),
        ("origins", "robot.local"),
        ("image_transport", "smoke"),
        ("no_such_parameter", 1),
    ],
)
def test_an_illegal_parameter_keeps_the_node_from_starting(name: str, value: Any) -> None:
    with NodeBench(active=False) as bench:
        words = "token" if value == "0.0.0.0" else name
        with pytest.raises((SiamMaskError, ParameterException), match=words):
            DashboardBench(bench, **{name: value})


def test_the_parameter_file_holds_every_parameter_with_its_default() -> None:
    text = (ROOT / "config" / "dashboard.yaml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)["/**"]["ros__parameters"]
    configs = (DashboardConfig, WebConfig)
    every = {name for config in configs for name in config.__dataclass_fields__}
    assert given.keys() == every
    for config in configs:
        own = {name: given[name] for name in config.__dataclass_fields__}
        assert config(**own) == config()
