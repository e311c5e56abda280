"""The web server: an event loop in its own thread, between a feed and its pages."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from dataclasses import replace

from aiohttp import web

from siammask_ros.errors import ConfigError, SiamMaskError
from siammask_ros.web.access_control import AccessControl, read_token
from siammask_ros.web.addresses import list_page_urls
from siammask_ros.web.auth import AuthRoutes
from siammask_ros.web.commands import (
    MAX_MESSAGE_BYTES,
    Command,
    CommandError,
    Follow,
    Forget,
    Pause,
    Record,
    Reset,
)
from siammask_ros.web.config import WebConfig
from siammask_ros.web.connections import ConnectionLimiter, LogThrottle
from siammask_ros.web.feed import AnnotatedFrame, Feed, RateMeter
from siammask_ros.web.jpeg_encoder import JpegEncoder
from siammask_ros.web.messages import EncodedFrame, status_message
from siammask_ros.web.recorder import Recorder
from siammask_ros.web.websocket_hub import WebSocketHub, run_in_background

_log = logging.getLogger(__name__)
_http_log = logging.getLogger("siammask_ros.web.http")
_http_log.addFilter(LogThrottle())

STATUS_PERIOD_S = 0.25
START_S = 10.0


class Server:
    """Serves a feed to browsers. ``show`` may be called from any thread and does not block."""

    def __init__(self, config: WebConfig, feed: Feed) -> None:
        """Raise ConfigError if the configuration does not allow serving."""
        self._config = config
        self._feed = feed
        self._recorder = Recorder(config)
        self._auth = AuthRoutes(
            AccessControl(read_token(config), config.origins),
            lambda: self._hub.is_full,
            self._recorder.file,
        )
        self._hub = WebSocketHub(
            config.max_clients, self._auth.check, self._execute, self._on_page_opened
        )
        self._sent = RateMeter(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._is_watched = False
        self._port = config.port
        self._encoder: JpegEncoder | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The page's URL on this machine."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The page's URLs: first for this machine, then for other machines."""
        return list_page_urls(self._config.address, self._port)

    def start(self) -> None:
        """Start serving; raises ConfigError if the port cannot be opened."""
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._encoder = JpegEncoder(self._config, self._broadcast)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="siammask web", daemon=True
        )
        self._thread.start()
        try:
            started.result(START_S)
        except OSError as error:
            self._encoder.close()
            raise ConfigError(
                f"port {self._config.port} of {self._config.address} cannot be opened: "
                f"{error.strerror}; set the parameter port to another one"
            ) from error

    def show(self, frame: AnnotatedFrame) -> None:
        """Show a frame on every page, and record it if a recording is running."""
        self._recorder.put(frame)
        if self._hub.clients and self._encoder is not None:
            self._encoder.put(frame)

    def close(self) -> None:
        """Close all connections and the recording, then stop the server."""
        if self._loop is not None and self._ended is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(2.0)
        if self._encoder is not None:
            self._encoder.close()
        with contextlib.suppress(SiamMaskError):
            self._recorder.end()

    async def _serve(self, started: concurrent.futures.Future[None]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=MAX_MESSAGE_BYTES)
        self._auth.add_to(application)
        application.router.add_get("/live", self._hub.open)
        runner = web.AppRunner(
            application,
            logger=_http_log,
            access_log=None,
            keepalive_timeout=15,
            shutdown_timeout=0.5,
        )
        await runner.setup()
        assert runner.server is not None
        connections = ConnectionLimiter(runner.server)
        self._auth.on_request = connections.mark_active
        try:
            address, port = self._config.address, self._config.port
            try:
                listening = await self._loop.create_server(connections, address, port)
            except OSError as error:
                started.set_exception(error)
                return
            self._port = int(listening.sockets[0].getsockname()[1])
            started.set_result(None)
            async with run_in_background(self._send_status_loop(connections)):
                await self._ended.wait()
            listening.close()
            for client in self._hub.clients:
                client.abort()
        finally:
            await runner.cleanup()

    async def _send_status_loop(self, connections: ConnectionLimiter) -> None:
        """Send the status to every page periodically, and close pages that take no data."""
        has_failed = False
        while True:
            await asyncio.sleep(STATUS_PERIOD_S)
            connections.abort_idle()
            try:
                self._send_status()
            except Exception:
                if not has_failed:
                    _log.exception("the status for the pages could not be sent; tried again")
                has_failed = True

    def _send_status(self) -> None:
        self._update_watched()
        self._hub.abort_stalled(self._config.stall_timeout_s)
        if self._hub.clients:
            status = self._feed.status()
            if not status.problem and self._encoder is not None:
                status = replace(status, problem=self._encoder.problem)
            self._hub.send_status(status_message(status, self._recorder.state(), self._sent.hz))

    def _on_page_opened(self) -> None:
        """Tell the feed at once that a page was opened."""
        self._is_watched = True
        self._feed.watch(True)

    def _update_watched(self) -> None:
        """Tell the feed whether images are needed."""
        is_watched = bool(self._hub.clients) or self._recorder.is_on
        if is_watched != self._is_watched:
            self._is_watched = is_watched
            self._feed.watch(is_watched)

    def _broadcast(self, frame: EncodedFrame) -> None:
        """Pass a frame from the encoder's thread to the event loop."""

        def show() -> None:
            self._sent.count()
            self._hub.show(frame)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(show)

    def _execute(self, command: Command) -> str:
        """Execute a command. May wait for the tracker; raises SiamMaskError if it is refused."""
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
        raise CommandError(f"{command} is not supported")
