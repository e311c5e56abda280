"""The web server: an event loop in a thread of its own, between a feed and its pages."""

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
from siammask_ros.web.access import Access, read_token
from siammask_ros.web.addresses import page_urls
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
from siammask_ros.web.connections import Connections, Throttle
from siammask_ros.web.entrance import Entrance
from siammask_ros.web.feed import Feed, Rate, Shot
from siammask_ros.web.live import Live, beside
from siammask_ros.web.messages import Picture, status_message
from siammask_ros.web.projector import Projector
from siammask_ros.web.recorder import Recorder

_log = logging.getLogger(__name__)
_http_log = logging.getLogger("siammask_ros.web.http")
_http_log.addFilter(Throttle())

STATUS_PERIOD_S = 0.25
START_S = 10.0


class Server:
    """Serves a feed to browsers.

    Whoever has pictures hands them to ``show``, from any thread; it never waits.
    """

    def __init__(self, config: WebConfig, feed: Feed) -> None:
        """Raises ConfigError where the settings do not allow to serve."""
        self._config = config
        self._feed = feed
        self._recorder = Recorder(config)
        self._entrance = Entrance(
            Access(read_token(config), config.origins),
            lambda: self._live.is_full,
            self._recorder.file,
        )
        self._live = Live(config.max_clients, self._entrance.check, self._carry_out, self._opened)
        self._sent = Rate(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._is_watched = False
        self._port = config.port
        self._projector: Projector | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the page is, for a browser on this machine."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Where the page is: first for this machine, then for others."""
        return page_urls(self._config.address, self._port)

    def start(self) -> None:
        """Begins to serve; raises ConfigError where the port cannot be opened."""
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
                f"port {self._config.port} of {self._config.address} cannot be opened: "
                f"{error.strerror}; choose another one"
            ) from error

    def show(self, shot: Shot) -> None:
        """Shows a picture on every page, and records it where a recording runs."""
        self._recorder.put(shot)
        if self._live.clients and self._projector is not None:
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

    async def _serve(self, started: concurrent.futures.Future[None]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=MAX_MESSAGE_BYTES)
        self._entrance.add_to(application)
        application.router.add_get("/live", self._live.open)
        runner = web.AppRunner(
            application,
            logger=_http_log,
            access_log=None,
            keepalive_timeout=15,
            shutdown_timeout=0.5,
        )
        await runner.setup()
        assert runner.server is not None
        connections = Connections(runner.server)
        self._entrance.on_request = connections.asked
        try:
            address, port = self._config.address, self._config.port
            try:
                listening = await self._loop.create_server(connections, address, port)
            except OSError as error:
                started.set_exception(error)
                return
            self._port = int(listening.sockets[0].getsockname()[1])
            started.set_result(None)
            async with beside(self._tell_for_ever(connections)):
                await self._ended.wait()
            listening.close()
            for client in self._live.clients:
                client.cut_off()
        finally:
            await runner.cleanup()

    async def _tell_for_ever(self, connections: Connections) -> None:
        """Tells every page how things are, and closes those that take nothing."""
        has_failed = False
        while True:
            await asyncio.sleep(STATUS_PERIOD_S)
            connections.cut_off_silent()
            try:
                self._tell()
            except Exception:
                if not has_failed:
                    _log.exception("caught in the status of the dashboard")
                has_failed = True

    def _tell(self) -> None:
        self._watch()
        self._live.cut_off_stalled(self._config.stall_timeout_s)
        if self._live.clients:
            status = self._feed.status()
            if not status.problem and self._projector is not None:
                status = replace(status, problem=self._projector.problem)
            self._live.tell(status_message(status, self._recorder.state(), self._sent.hz))

    def _opened(self) -> None:
        """A page has been opened: the feed may have something for it."""
        self._is_watched = True
        self._feed.watch(True)

    def _watch(self) -> None:
        """Lets the feed know whether anybody looks."""
        is_watched = bool(self._live.clients) or self._recorder.is_on
        if is_watched != self._is_watched:
            self._is_watched = is_watched
            self._feed.watch(is_watched)

    def _hand_over(self, picture: Picture) -> None:
        """A picture from the projector's thread to every page."""

        def show() -> None:
            self._sent.count()
            self._live.show(picture)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(show)

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
