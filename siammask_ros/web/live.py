"""The live connections: pictures and statuses to every page, commands from it to the feed."""

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
from siammask_ros.web.commands import MAX_MESSAGE_BYTES, Command, CommandError, Seen, parsed
from siammask_ros.web.messages import Picture, reply

_log = logging.getLogger(__name__)

HEARTBEAT_S = 20.0


class Live:
    """All open pages. Lives in the server's event loop.

    ``check`` raises for a request that may not be answered. ``carry_out`` does what a command
    says, in a thread of its own, and raises SiamMaskError where it is refused. ``on_change`` hears
    when a page has been opened.
    """

    def __init__(
        self,
        max_clients: int,
        check: Callable[[web.Request], None],
        carry_out: Callable[[Command], str],
        on_change: Callable[[], None],
    ) -> None:
        self._max_clients = max_clients
        self._check = check
        self._carry_out = carry_out
        self._on_change = on_change
        self.clients: set[Client] = set()

    @property
    def is_full(self) -> bool:
        """Whether one page more would be too many."""
        return len(self.clients) >= self._max_clients

    def show(self, picture: Picture) -> None:
        """A picture for every page."""
        for client in self.clients:
            client.show(picture)

    def tell(self, status: str) -> None:
        """A status for every page."""
        for client in self.clients:
            client.tell(status)

    def cut_off_stalled(self, after_s: float) -> None:
        """Ends the connections of pages that have taken nothing for so long."""
        for client in self.clients:
            if client.stalled_s() > after_s:
                client.cut_off()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """One page's connection, from its first message to its last."""
        self._check(request)
        if self.is_full:
            raise web.HTTPServiceUnavailable(
                text=f"{self._max_clients} pages are open already (max_clients)\n"
            )
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT_S, timeout=1.0, compress=False
        )
        client = Client(socket, request)
        self.clients.add(client)
        try:
            await socket.prepare(request)
            self._on_change()
            async with beside(_quietly(client.send_for_ever())):
                await self._listen(socket, client)
        finally:
            self.clients.discard(client)
        return socket

    async def _listen(self, socket: web.WebSocketResponse, client: Client) -> None:
        async for message in socket:
            if not client.messages.takes():
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
                return
            if message.type == WSMsgType.TEXT:
                self._heed(message.data, client)
            else:
                client.answer(reply(None, error="expected text"))

    def _heed(self, text: str, client: Client) -> None:
        """Has a command carried out beside the connection, which goes on meanwhile."""
        number: int | None = None
        try:
            command = parsed(text)
            if isinstance(command, Seen):
                client.has_seen(command.number)
                return
            number = _own_number(text)
            if not client.commands.takes():
                raise CommandError("too many commands; wait a moment")
            if client.is_busy:
                raise CommandError("the last command is still being carried out")
        except CommandError as error:
            client.answer(reply(number, error=str(error)))
            return
        client.is_busy = True
        task = asyncio.ensure_future(asyncio.to_thread(self._carry_out, command))
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
        _log.error("caught in a command of the dashboard", exc_info=error)
        client.answer(reply(number, error="internal error; see the dashboard's log"))


def _own_number(text: str) -> int | None:
    """The number that the page gave its command, to know the answer by; `text` is an object."""
    number = json.loads(text).get("n")
    return number if type(number) is int and abs(number) < 2**53 else None


async def _quietly(sending: Awaitable[None]) -> None:
    """Sending until the connection is gone, which is no error."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        await sending


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Has something done beside the block, until its end."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
