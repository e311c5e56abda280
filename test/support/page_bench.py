"""The dashboard's server with a feed that a test holds in its hands, and pages to talk to it."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
from support.moving_square import picture, square_box

from siammask_ros.errors import BoxError
from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import AnnotatedFrame, Box, Status
from siammask_ros.web.server import Server

TIMEOUT_S = 30.0


class FakeFeed:
    """Says what ``now`` holds and keeps the commands in ``commands``."""

    def __init__(self) -> None:
        self.now = Status(source="/image", is_tracker_there=True, since_frame_s=0.0)
        self.commands: list[tuple[Any, ...]] = []
        self.is_watched = False
        self.refusal = ""
        self.chosen_id = "1"

    def status(self) -> Status:
        return self.now

    def watch(self, is_watched: bool) -> None:
        self.is_watched = is_watched

    def _ask(self, *what: Any) -> str:
        if self.refusal:
            raise BoxError(self.refusal)
        self.commands.append(what)
        return "done"

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        self._ask("follow", box_xywh, target_id, stamp_ns)
        return target_id or self.chosen_id

    def forget(self, target_id: str) -> str:
        return self._ask("forget", target_id)

    def reset(self) -> str:
        return self._ask("reset")

    def pause(self, paused: bool) -> str:
        return self._ask("pause", paused)


def target(index: int, target_id: str = "1", state: str = "TRACKING") -> DrawnTarget:
    """The square of picture ``index`` as a target."""
    corners = square_box(index).corners_xy
    contours = (corners.round().astype(np.int32),) if state != "LOST" else ()
    return DrawnTarget(target_id, state, "", 0.9, corners, contours)


def frame(index: int, *targets: DrawnTarget) -> AnnotatedFrame:
    return AnnotatedFrame(picture(index), 1_000_000_000 + index, targets or (target(index),))


class PageBench:
    """A server on a free port of this machine; use it in a with statement."""

    def __init__(self, feed: Any = None, **config: Any) -> None:
        self.feed = feed or FakeFeed()
        self.server = Server(WebConfig(port=0, **config), self.feed)
        self.server.start()

    @property
    def url(self) -> str:
        return self.server.url.rstrip("/")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def __enter__(self) -> PageBench:
        return self

    def __exit__(self, *_: object) -> None:
        is_alive = self.server._thread is not None and self.server._thread.is_alive()
        self.server.close()
        assert is_alive, "the server does not serve any more"

    @asynccontextmanager
    async def page(self, **options: Any) -> AsyncIterator[Page]:
        """An open page, of the right origin unless told otherwise."""
        headers = {"Origin": self.url, **options.pop("headers", {})}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/live", headers=headers, **options) as socket,
        ):
            yield Page(socket)

    @contextmanager
    def playing(
        self, hz: float = 20.0, targets: tuple[DrawnTarget, ...] | None = None
    ) -> Iterator[None]:
        """Shows the moving square for ever, there and back again, as a target or with these."""
        ended = threading.Event()

        def play() -> None:
            for step in itertools.count():
                index = min(step % 80, 80 - step % 80)
                shown = frame(index)
                if targets is not None:
                    shown = replace(shown, targets=targets)
                if self.feed.now.paused:
                    shown = replace(shown, targets=None)
                self.server.show(replace(shown, stamp_ns=shown.stamp_ns + step * 10**6))
                if ended.wait(1 / hz):
                    return

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def serves_a_good_page(self) -> None:
        """A picture gets through to a new page, and a command from it to the feed."""

        async def visit() -> None:
            async with self.page() as page:
                # A page that was opened a moment ago may not be known to the server yet.
                about = None
                for index in range(300):
                    self.server.show(frame(index))
                    about = await page.next_picture(0.1)
                    if about is not None:
                        break
                assert about is not None, "no picture came"
                assert about["targets"][0]["state"] == "TRACKING"
                asked = len(self.feed.commands)
                answer = await page.ask(do="follow", box=[1, 2, 30, 40], stamp=about["stamp"])
                assert answer["ok"], answer
                assert self.feed.commands[asked:] == [
                    ("follow", (1.0, 2.0, 30.0, 40.0), "", int(about["stamp"]))
                ]

        asyncio.run(asyncio.wait_for(visit(), TIMEOUT_S))


class Page:
    """A page without a browser: it says that it has seen what it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.replies: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.shown: dict[str, Any] = {}

    async def say(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def ask(self, **message: Any) -> dict[str, Any]:
        """The answer to a command."""
        number = len(self.replies) + 1
        await self.say(**message, n=number)
        await self.until(lambda: any(reply["to"] == number for reply in self.replies))
        return next(reply for reply in self.replies if reply["to"] == number)

    async def until(self, is_there: Callable[[], bool]) -> None:
        """Takes what comes until it is there."""

        async def take_all() -> None:
            while not is_there():
                await self.take()

        await asyncio.wait_for(take_all(), TIMEOUT_S)

    async def status(
        self, is_it: Callable[[dict[str, Any]], bool] = lambda status: True
    ) -> dict[str, Any]:
        """The next status of which this is true."""
        self.statuses.clear()
        await self.until(lambda: any(is_it(status) for status in self.statuses))
        return self.statuses[-1]

    async def next_picture(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any] | None:
        """What is said of the next picture; None where none comes in time."""

        async def found() -> dict[str, Any]:
            while True:
                about = await self.take()
                if about["kind"] == "frame":
                    return about

        try:
            return await asyncio.wait_for(found(), timeout_s)
        except asyncio.TimeoutError:
            return None

    async def until_shown(self, count: int) -> None:
        """Waits until the image on the page has so many targets; it may have come already."""
        await self.until(lambda: len(self.shown.get("targets", ())) == count)

    async def take(self) -> dict[str, Any]:
        message = await self.socket.receive()
        if message.type == aiohttp.WSMsgType.TEXT:
            said = json.loads(message.data)
            {"reply": self.replies, "status": self.statuses}[said["kind"]].append(said)
            return dict(said)
        assert message.type == aiohttp.WSMsgType.BINARY, message
        about = read_picture(message.data)
        self.numbers.append(about["number"])
        self.shown = about
        await self.say(do="shown", number=about["number"])
        return about


def read_picture(data: bytes) -> dict[str, Any]:
    """What is said of a picture, and its `jpeg`."""
    (length,) = struct.unpack("<I", data[:4])
    return {**json.loads(data[4 : 4 + length]), "jpeg": data[4 + length :]}
