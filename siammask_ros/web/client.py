"""Send queue and rate limits of one open page."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from aiohttp import web

from siammask_ros.web.messages import EncodedFrame

# Unacknowledged frames: the next one is transferred while the page draws the last one.
WINDOW = 2
MAX_REPLIES = 16
MESSAGES_PER_S = 240.0
COMMANDS_PER_S = 10.0


class RateLimiter:
    """Token bucket: ``per_s`` events per second, bursts of twice as many."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._left = 2 * per_s
        self._then_s = clock()

    def try_acquire(self) -> bool:
        """Return whether one more event is allowed, and count it."""
        now_s = self._clock()
        self._left = min(self._left + (now_s - self._then_s) * self._per_s, 2 * self._per_s)
        self._then_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Client:
    """Sends to one page. Lives in the server's event loop.

    At most one frame and one status wait, the newest. The page acknowledges each frame that it has
    shown; at most WINDOW frames are unacknowledged, however large the network's buffers are.
    """

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.messages = RateLimiter(MESSAGES_PER_S)
        self.commands = RateLimiter(COMMANDS_PER_S)
        self.is_busy = False
        self._socket = socket
        self._transport = request.transport
        self._wake = asyncio.Event()
        self._frame: EncodedFrame | None = None
        self._status: str | None = None
        self._replies: deque[str] = deque(maxlen=MAX_REPLIES)
        self._unacknowledged: deque[int] = deque()
        self._since_s = time.monotonic()
        self._is_sending = False

    def show(self, frame: EncodedFrame) -> None:
        """Queue a frame; it replaces the waiting one."""
        self._frame = frame
        self._wake.set()

    def send_status(self, status: str) -> None:
        """Queue a status; it replaces the waiting one."""
        self._status = status
        self._wake.set()

    def answer(self, reply: str) -> None:
        """Queue the reply to a command."""
        self._replies.append(reply)
        self._wake.set()

    def acknowledge(self, number: int) -> None:
        """Record that the page has shown this frame and all frames before it."""
        while self._unacknowledged and self._unacknowledged[0] <= number:
            self._unacknowledged.popleft()
            self._since_s = time.monotonic()
        self._wake.set()

    def compute_stall_s(self) -> float:
        """Return for how long the page has not taken any data that was sent."""
        waits = self._is_sending or bool(self._unacknowledged)
        return time.monotonic() - self._since_s if waits else 0.0

    def abort(self) -> None:
        """Close the connection at once, without a close message."""
        if self._transport is not None:
            self._transport.abort()

    async def run_sender(self) -> None:
        """Send what is queued until the connection ends."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            while self._replies:
                await self._send(self._replies.popleft())
            if self._status is not None:
                status, self._status = self._status, None
                await self._send(status)
            if self._frame is not None and len(self._unacknowledged) < WINDOW:
                frame, self._frame = self._frame, None
                if not self._unacknowledged:
                    self._since_s = time.monotonic()
                self._unacknowledged.append(frame.number)
                await self._send(frame.data)

    async def _send(self, message: str | bytes) -> None:
        if not self._unacknowledged:
            self._since_s = time.monotonic()
        self._is_sending = True
        try:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)
        finally:
            self._is_sending = False
