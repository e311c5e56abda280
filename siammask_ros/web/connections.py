"""Limits on the server's connections and on its log lines."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web

MAX_CONNECTIONS = 256
# A connection without a complete request after this time is closed.
FIRST_REQUEST_S = 10.0
LOG_PERIOD_S = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionLimiter:
    """Accepts connections for an aiohttp server. Lives in the server's event loop.

    Above MAX_CONNECTIONS, a new connection replaces the oldest one without a request; if there is
    none, the new one is refused.
    """

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._idle: OrderedDict[web.RequestHandler, float] = OrderedDict()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if len(self._server.connections) >= MAX_CONNECTIONS:
            if not self._idle:
                return _RefusedConnection()
            _abort(self._idle.popitem(last=False)[0])
        handler = self._server()
        self._idle[handler] = time.monotonic()
        return handler

    def mark_active(self, request: web.Request) -> None:
        """Record that a complete request arrived on this connection."""
        self._idle.pop(request.protocol, None)

    def abort_idle(self) -> None:
        """Close connections that sent no request in time; forget closed ones."""
        now_s = time.monotonic()
        for handler, since_s in list(self._idle.items()):
            if handler.transport is None and now_s > since_s + 1.0:
                del self._idle[handler]
            elif now_s - since_s > FIRST_REQUEST_S:
                del self._idle[handler]
                _abort(handler)


class _RefusedConnection(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _abort(handler: web.RequestHandler) -> None:
    if handler.transport is not None:
        handler.transport.abort()


class LogThrottle(logging.Filter):
    """Passes one log line per LOG_PERIOD_S, without traceback, with the number of suppressed lines.

    Repeated requests must not fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = -LOG_PERIOD_S
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``; changes the record that it passes."""
        now_s = time.monotonic()
        if now_s - self._passed_s < LOG_PERIOD_S:
            self._dropped += 1
            return False
        error = record.exc_info[1] if record.exc_info else None
        what = f"{record.getMessage()}: {error!r}" if error else record.getMessage()
        # A request may hold line breaks and control characters.
        line = what[:200].encode("unicode_escape").decode()
        record.msg = f"{line} ({self._dropped} more suppressed)"
        record.args, record.exc_info, record.exc_text = (), None, None
        self._passed_s, self._dropped = now_s, 0
        return True
