"""One open page: what waits for it, what it has not taken yet, and how much it may say."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from aiohttp import web

from siammask_ros.web.messages import Picture

# Pictures that are on their way at the same time: the next one travels while one is being drawn.
WINDOW = 2
MAX_REPLIES = 16
MESSAGES_PER_S = 240.0
COMMANDS_PER_S = 10.0


class Allowance:
    """So many a second, twice as many at once."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._left = 2 * per_s
        self._then_s = clock()

    def takes(self) -> bool:
        """Whether one more is allowed, which is then used up."""
        now_s = self._clock()
        self._left = min(self._left + (now_s - self._then_s) * self._per_s, 2 * self._per_s)
        self._then_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Client:
    """What is sent to one page. Lives in the server's event loop.

    One picture and one status wait at most, the newest. The page says which picture it has shown;
    no more than WINDOW are on their way, however much the network would swallow.
    """

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.messages = Allowance(MESSAGES_PER_S)
        self.commands = Allowance(COMMANDS_PER_S)
        self.is_busy = False
        self._socket = socket
        self._transport = request.transport
        self._wake = asyncio.Event()
        self._picture: Picture | None = None
        self._status: str | None = None
        self._replies: deque[str] = deque(maxlen=MAX_REPLIES)
        self._on_the_way: deque[int] = deque()
        self._since_s = time.monotonic()
        self._is_sending = False

    def show(self, picture: Picture) -> None:
        """A picture for the page; it replaces the one that still waits."""
        self._picture = picture
        self._wake.set()

    def tell(self, status: str) -> None:
        """A status for the page; it replaces the one that still waits."""
        self._status = status
        self._wake.set()

    def answer(self, reply: str) -> None:
        """An answer to a command of the page's."""
        self._replies.append(reply)
        self._wake.set()

    def has_seen(self, number: int) -> None:
        """The page has shown this picture, and so all before it."""
        while self._on_the_way and self._on_the_way[0] <= number:
            self._on_the_way.popleft()
            self._since_s = time.monotonic()
        self._wake.set()

    def stalled_s(self) -> float:
        """For how long the page has taken nothing of what is on its way."""
        waits = self._is_sending or bool(self._on_the_way)
        return time.monotonic() - self._since_s if waits else 0.0

    def cut_off(self) -> None:
        """Ends the connection without another word: nobody reads it."""
        if self._transport is not None:
            self._transport.abort()

    async def send_for_ever(self) -> None:
        """Sends what waits, whenever something does; ends with the connection."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            while self._replies:
                await self._send(self._replies.popleft())
            if self._status is not None:
                status, self._status = self._status, None
                await self._send(status)
            if self._picture is not None and len(self._on_the_way) < WINDOW:
                picture, self._picture = self._picture, None
                if not self._on_the_way:
                    self._since_s = time.monotonic()
                self._on_the_way.append(picture.number)
                await self._send(picture.data)

    async def _send(self, message: str | bytes) -> None:
        if not self._on_the_way:
            self._since_s = time.monotonic()
        self._is_sending = True
        try:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)
        finally:
            self._is_sending = False
