"""The connections that the server holds: a bounded number, each of which asks for something."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web

MAX_CONNECTIONS = 256
# Whoever has sent no whole request after this long is cut off.
FIRST_REQUEST_S = 10.0
LOG_PERIOD_S = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """Accepts connections for an aiohttp server. Lives in the server's event loop.

    Beyond MAX_CONNECTIONS the oldest one that has not asked for anything makes room; where there
    is none, the new one is refused.
    """

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._silent: OrderedDict[web.RequestHandler, float] = OrderedDict()

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        if len(self._server.connections) >= MAX_CONNECTIONS:
            if not self._silent:
                return _Refusal()
            _cut_off(self._silent.popitem(last=False)[0])
        handler = self._server()
        self._silent[handler] = time.monotonic()
        return handler

    def asked(self, request: web.Request) -> None:
        """A whole request has come on this connection."""
        self._silent.pop(request.protocol, None)

    def cut_off_silent(self) -> None:
        """Ends the connections that have asked for nothing for too long; forgets those gone."""
        now_s = time.monotonic()
        for handler, since_s in list(self._silent.items()):
            if handler.transport is None and now_s > since_s + 1.0:
                del self._silent[handler]
            elif now_s - since_s > FIRST_REQUEST_S:
                del self._silent[handler]
                _cut_off(handler)


class _Refusal(asyncio.Protocol):
    """A connection that is not wanted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _cut_off(handler: web.RequestHandler) -> None:
    if handler.transport is not None:
        handler.transport.abort()


class Throttle(logging.Filter):
    """Lets a line in LOG_PERIOD_S through, without its traceback, with the number of the others.

    What anybody can cause by a request must not fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = -LOG_PERIOD_S
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``; changes the record that it lets through."""
        now_s = time.monotonic()
        if now_s - self._passed_s < LOG_PERIOD_S:
            self._left_out += 1
            return False
        error = record.exc_info[1] if record.exc_info else None
        what = f"{record.getMessage()}: {error!r}" if error else record.getMessage()
        # A request may hold line breaks and control characters.
        line = what[:200].encode("unicode_escape").decode()
        record.msg = f"{line} ({self._left_out} more since the last line)"
        record.args, record.exc_info, record.exc_text = (), None, None
        self._passed_s, self._left_out = now_s, 0
        return True
