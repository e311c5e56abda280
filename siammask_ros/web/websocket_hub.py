"""The WebSockets of all open pages: frames and status out, commands in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from siammask_ros.errors import SiamMaskError
from siammask_ros.web.client import Client
from siammask_ros.web.commands import (
    MAX_MESSAGE_BYTES,
    Command,
    CommandError,
    FrameShown,
    parse_command,
)
from siammask_ros.web.messages import EncodedFrame, reply

_log = logging.getLogger(__name__)

HEARTBEAT_S = 20.0


class WebSocketHub:
    """All open pages. Lives in the server's event loop.

    ``check`` raises for a request without access. ``execute`` runs a command in its own thread and
    raises SiamMaskError if it is refused. ``on_change`` is called when a page was opened.
    """

    def __init__(
        self,
        max_clients: int,
        check: Callable[[web.Request], None],
        execute: Callable[[Command], str],
        on_change: Callable[[], None],
    ) -> None:
        self._max_clients = max_clients
        self._check = check
        self._execute = execute
        self._on_change = on_change
        self.clients: set[Client] = set()

    @property
    def is_full(self) -> bool:
        """Whether the maximum number of pages is open."""
        return len(self.clients) >= self._max_clients

    def show(self, frame: EncodedFrame) -> None:
        """Queue a frame for every page."""
        for client in self.clients:
            client.show(frame)

    def send_status(self, status: str) -> None:
        """Queue a status for every page."""
        for client in self.clients:
            client.send_status(status)

    def abort_stalled(self, after_s: float) -> None:
        """Close the connections of pages that took no data for this long."""
        for client in self.clients:
            if client.compute_stall_s() > after_s:
                client.abort()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve one page from its first message to its last."""
        self._check(request)
        if self.is_full:
            raise web.HTTPServiceUnavailable(
                text=f"{self._max_clients} pages are already open (max_clients); close one\n"
            )
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT_S, timeout=1.0, compress=False
        )
        client = Client(socket, request)
        self.clients.add(client)
        try:
            await socket.prepare(request)
            self._on_change()
            async with run_in_background(_ignore_disconnect(client.run_sender())):
                await self._receive(socket, client)
        finally:
            self.clients.discard(client)
        return socket

    async def _receive(self, socket: web.WebSocketResponse, client: Client) -> None:
        async for message in socket:
            if not client.messages.try_acquire():
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
                return
            if message.type == WSMsgType.TEXT:
                self._handle_message(message.data, client)
            else:
                client.answer(reply(None, error="expected text"))

    def _handle_message(self, text: str, client: Client) -> None:
        """Start the execution of a command; does not wait for it."""
        number: int | None = None
        try:
            command = parse_command(text)
            if isinstance(command, FrameShown):
                client.acknowledge(command.number)
                return
            number = _read_number(text)
            if not client.commands.try_acquire():
                raise CommandError("too many commands; wait a second")
            if client.is_busy:
                raise CommandError("the last command is still running; wait for it")
        except CommandError as error:
            client.answer(reply(number, error=str(error)))
            return
        client.is_busy = True
        task = asyncio.ensure_future(asyncio.to_thread(self._execute, command))
        task.add_done_callback(lambda done: _answer(client, number, done))


def _answer(client: Client, number: int | None, done: asyncio.Future[str]) -> None:
    client.is_busy = False
    if done.cancelled():
        return
    error = done.exception()
    if error is None:
        client.answer(reply(number, text=done.result()))
    elif isinstance(error, SiamMaskError):
        client.answer(reply(number, error=str(error)))
    else:
        _log.error("exception in a command of the page; the page was told", exc_info=error)
        client.answer(reply(number, error="internal error; see the dashboard's log"))


def _read_number(text: str) -> int | None:
    """Return the number that the page gave its command, or None."""
    number = json.loads(text).get("n")
    return number if type(number) is int and abs(number) < 2**53 else None


async def _ignore_disconnect(sending: Awaitable[None]) -> None:
    """Await the sender; a closed connection is not an error."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        await sending


@contextlib.asynccontextmanager
async def run_in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine during the block and cancel it at the end."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
