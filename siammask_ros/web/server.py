"""The web server: one page, its session, and a live connection for each page that is open."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from siammask_ros.errors import ConfigError, SiamMaskError
from siammask_ros.web.access import Access, read_token
from siammask_ros.web.client import Client
from siammask_ros.web.commands import (
    MAX_MESSAGE_BYTES,
    Command,
    CommandError,
    Follow,
    Forget,
    Pause,
    Record,
    Reset,
    Seen,
    parsed,
)
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import Feed, Rate, Shot
from siammask_ros.web.messages import Picture, reply, status_message
from siammask_ros.web.projector import Projector
from siammask_ros.web.recorder import Recorder

_log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
# Everything that can be fetched, by its address: no path of a request ever touches the disk.
PAGES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/picture.js": ("picture.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATUS_PERIOD_S = 0.25
START_S = 10.0
LOG_PERIOD_S = 2.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves a feed to browsers, from a thread of its own.

    Whoever has pictures hands them to ``show``, from any thread; it never waits.
    """

    def __init__(self, config: WebConfig, feed: Feed) -> None:
        """Raises ConfigError where the settings do not allow to serve."""
        self._config = config
        self._feed = feed
        self._access = Access(read_token(config), config.origins)
        self._recorder = Recorder(config)
        self._pages = {
            path: ((STATIC / name).read_bytes(), kind) for path, (name, kind) in PAGES.items()
        }
        self._clients: set[Client] = set()
        self._sent = Rate(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._is_watched = False
        self._logged_s = -LOG_PERIOD_S
        self._port = config.port
        self._projector: Projector | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        host = f"[{self._config.address}]" if ":" in self._config.address else self._config.address
        return f"http://{host}:{self._port}/"

    def start(self) -> None:
        """Begins to serve; raises ConfigError where the address is not to be had."""
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._projector = Projector(self._config, self._hand_over)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="siammask web", daemon=True
        )
        self._thread.start()
        try:
            started.result(START_S)
        except OSError as error:
            self._projector.close()
            raise ConfigError(
                f"port {self._config.port} of {self._config.address} is not to be had: "
                f"{error.strerror}; choose another one"
            ) from error

    def show(self, shot: Shot) -> None:
        """Shows a picture on every page, and records it where a recording runs."""
        self._recorder.put(shot)
        if self._clients and self._projector is not None:
            self._projector.put(shot)

    def close(self) -> None:
        """Ends every connection and the recording, then the server."""
        if self._loop is not None and self._ended is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(2.0)
        if self._projector is not None:
            self._projector.close()
        with contextlib.suppress(SiamMaskError):
            self._recorder.end()

    # The event loop

    async def _serve(self, started: concurrent.futures.Future[None]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(middlewares=[self._guard], client_max_size=MAX_MESSAGE_BYTES)
        application.on_response_prepare.append(_add_headers)
        for path in self._pages:
            application.router.add_get(path, self._page)
        application.router.add_get("/session", self._session)
        application.router.add_post("/session", self._log_in)
        application.router.add_get("/live", self._live)
        runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=15, shutdown_timeout=0.5
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._config.address, self._config.port)
            try:
                await site.start()
            except OSError as error:
                started.set_exception(error)
                return
            self._port = int(runner.addresses[0][1])
            started.set_result(None)
            async with _running(self._tell_for_ever()):
                await self._ended.wait()
            for client in self._clients:
                client.cut_off()
        finally:
            await runner.cleanup()

    async def _tell_for_ever(self) -> None:
        """Tells every page how things are, and closes those that take nothing."""
        while True:
            await asyncio.sleep(STATUS_PERIOD_S)
            try:
                self._tell()
            except Exception:
                self._log_caught("status")

    def _tell(self) -> None:
        self._watch()
        for client in self._clients:
            if client.stalled_s() > self._config.stall_timeout_s:
                client.cut_off()
        if self._clients:
            status = status_message(self._feed.status(), self._recorder.state(), self._sent.hz)
            for client in self._clients:
                client.tell(status)

    def _watch(self) -> None:
        is_watched = bool(self._clients) or self._recorder.is_on
        if is_watched != self._is_watched:
            self._is_watched = is_watched
            self._feed.watch(is_watched)

    def _hand_over(self, picture: Picture) -> None:
        """A picture from the projector's thread to every page."""

        def show() -> None:
            self._sent.count()
            for client in self._clients:
                client.show(picture)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(show)

    # Requests

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whom nobody has to answer goes no further; what a handler raises ends here."""
        if not self._access.is_own_host(request.headers.get("Host", ""), _local(request)):
            raise web.HTTPForbidden(text="this is not a name of this page (origins)\n")
        try:
            return await handler(request)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            self._log_caught(request.path[:40])
            raise web.HTTPInternalServerError(text="internal error\n") from None

    def _log_caught(self, where: str) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_PERIOD_S:
            self._logged_s = now_s
            _log.exception("caught in %r of the dashboard", where)

    def _check_origin(self, request: web.Request) -> None:
        if not self._access.is_own_origin(request.headers.get("Origin", ""), _local(request)):
            raise web.HTTPForbidden(text="the request comes from another page\n")

    @property
    def _cookie(self) -> str:
        """Browsers share cookies among the ports of a machine: each dashboard has its own."""
        return f"siammask_session_{self._port}"

    def _check_session(self, request: web.Request) -> None:
        if not self._access.lets_in(request.cookies.get(self._cookie)):
            raise web.HTTPUnauthorized(text="a token is needed\n")

    async def _page(self, request: web.Request) -> web.Response:
        body, kind = self._pages[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _session(self, request: web.Request) -> web.Response:
        """Whether a page may open its live connection, before it tries: it cannot see why not."""
        self._check_session(request)
        return web.json_response({"full": len(self._clients) >= self._config.max_clients})

    async def _log_in(self, request: web.Request) -> web.Response:
        self._check_origin(request)
        if self._access.is_throttled():
            raise web.HTTPTooManyRequests(text="too many wrong tokens; wait ten seconds\n")
        try:
            token = (await request.json())["token"]
        except (ValueError, RecursionError, KeyError, TypeError):
            token = None
        secret = self._access.session_for(token) if isinstance(token, str) else None
        if secret is None:
            raise web.HTTPUnauthorized(text="this is not the token\n")
        response = web.Response(status=204)
        is_secure = request.headers["Origin"].startswith("https:")
        response.set_cookie(
            self._cookie, secret, httponly=True, samesite="Strict", path="/", secure=is_secure
        )
        return response

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """One page's live connection, from its first message to its last."""
        self._check_origin(request)
        self._check_session(request)
        if len(self._clients) >= self._config.max_clients:
            raise web.HTTPServiceUnavailable(
                text=f"{self._config.max_clients} pages are open already (max_clients)\n"
            )
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, heartbeat=20.0, timeout=1.0, compress=False
        )
        client = Client(socket, request)
        self._clients.add(client)
        try:
            await socket.prepare(request)
            self._watch()
            async with _running(_quietly(client.send_for_ever())):
                await self._listen(socket, client)
        finally:
            self._clients.discard(client)
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
        task.add_done_callback(lambda done: self._answer(client, number, done))

    def _answer(self, client: Client, number: int | None, done: asyncio.Future[str]) -> None:
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

    def _carry_out(self, command: Command) -> str:
        """May wait for the tracker; raises SiamMaskError where it refuses."""
        match command:
            case Follow():
                return self._feed.follow(command.box_xywh, command.target_id, command.stamp_ns)
            case Forget():
                return self._feed.forget(command.target_id)
            case Reset():
                return self._feed.reset()
            case Pause():
                return self._feed.pause(command.paused)
            case Record(on=True):
                status = self._feed.status()
                return self._recorder.begin(status.answers_hz or status.camera_hz)
            case Record():
                return self._recorder.end()
        raise CommandError(f"{command} is not carried out")


def _own_number(text: str) -> int | None:
    """The number that the page gave its command, to know the answer by; `text` is an object."""
    number = json.loads(text).get("n")
    return number if type(number) is int and abs(number) < 2**53 else None


def _local(request: web.Request) -> tuple[str, int]:
    """The address and port of ours that a request came to."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return (str(name[0]), int(name[1])) if name else ("0.0.0.0", 0)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


async def _quietly(sending: Awaitable[None]) -> None:
    """Sending until the connection is gone, which is no error."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        await sending


@contextlib.asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    """Has something done beside, until the end of the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
