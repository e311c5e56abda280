"""Requests that come before a live connection: names, origins, the token, and the page's files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from siammask_ros.web.access import Access

_log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
# Everything that can be fetched, by its address: no path of a request ever touches the disk.
PAGES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/connection.js": ("connection.js", "text/javascript"),
    "/liveness.js": ("liveness.js", "text/javascript"),
    "/drawing.js": ("drawing.js", "text/javascript"),
    "/stage.js": ("stage.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/words.js": ("words.js", "text/javascript"),
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
LOG_PERIOD_S = 2.0
BODY_S = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Entrance:
    """Lets requests in or not, and serves the page. Lives in the server's event loop.

    ``is_full`` tells whether one page more would be too many, ``recorded`` where a recording of
    this name is; ``on_request`` hears of every whole request.
    """

    def __init__(
        self,
        access: Access,
        is_full: Callable[[], bool],
        recorded: Callable[[str], Path | None],
    ) -> None:
        self._access = access
        self._is_full = is_full
        self._recorded = recorded
        self.on_request: Callable[[web.Request], None] = lambda request: None
        self._pages = {
            path: ((STATIC / name).read_bytes(), kind) for path, (name, kind) in PAGES.items()
        }
        self._logged_s = -LOG_PERIOD_S

    def add_to(self, application: web.Application) -> None:
        """Guards the application and adds what it serves."""
        application.middlewares.append(self._guard)
        application.on_response_prepare.append(_add_headers)
        for path in self._pages:
            application.router.add_get(path, self._page)
        application.router.add_get("/session", self._session)
        application.router.add_post("/session", self._log_in)
        application.router.add_get("/recordings/{name}", self._recording)

    def check(self, request: web.Request) -> None:
        """Raises 403 for a request that another page makes, 401 for one without a session."""
        self._check_origin(request)
        self._check_session(request)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whom nobody has to answer goes no further; what a handler raises ends here."""
        self.on_request(request)
        if not self._access.is_own_host(request.headers.get("Host", ""), _local(request)):
            raise web.HTTPForbidden(text="this is not a name of this page (origins)\n")
        try:
            return await handler(request)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            now_s = time.monotonic()
            if now_s - self._logged_s >= LOG_PERIOD_S:
                self._logged_s = now_s
                _log.exception("caught in %r of the dashboard", request.path[:40])
            raise web.HTTPInternalServerError(text="internal error\n") from None

    def _check_origin(self, request: web.Request) -> None:
        if not self._access.is_own_origin(request.headers.get("Origin", ""), _local(request)):
            raise web.HTTPForbidden(text="the request comes from another page\n")

    def _check_session(self, request: web.Request) -> None:
        if not self._access.lets_in(request.cookies.get(_cookie(request))):
            raise web.HTTPUnauthorized(text="a token is needed\n")

    async def _page(self, request: web.Request) -> web.Response:
        body, kind = self._pages[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        """A file of the last recording, by the name that the recorder itself gave it."""
        self._check_session(request)
        path = self._recorded(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text="no such recording\n")
        kept = f'attachment; filename="{path.name}"'
        return web.FileResponse(path, headers={"Content-Disposition": kept})

    async def _session(self, request: web.Request) -> web.Response:
        """Whether a page may open its live connection, before it tries: it cannot see why not."""
        self._check_session(request)
        return web.json_response({"full": self._is_full()})

    async def _log_in(self, request: web.Request) -> web.Response:
        self._check_origin(request)
        peer = request.remote or ""
        if self._access.is_throttled(peer):
            raise web.HTTPTooManyRequests(text="too many wrong tokens; wait ten seconds\n")
        try:
            token = (await asyncio.wait_for(request.json(), BODY_S))["token"]
        except asyncio.TimeoutError:
            raise web.HTTPRequestTimeout(text="time ran out before the token came\n") from None
        except (ValueError, RecursionError, KeyError, TypeError):
            token = None
        secret = self._access.session_for(token, peer) if isinstance(token, str) else None
        if secret is None:
            raise web.HTTPUnauthorized(text="this is not the token\n")
        response = web.Response(status=204)
        is_secure = request.headers["Origin"].startswith("https:")
        response.set_cookie(
            _cookie(request), secret, httponly=True, samesite="Strict", path="/", secure=is_secure
        )
        return response


def _cookie(request: web.Request) -> str:
    """Browsers share cookies among the ports of a machine: each dashboard has its own."""
    return f"siammask_session_{_local(request)[1]}"


def _local(request: web.Request) -> tuple[str, int]:
    """The address and port of ours that a request came to."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return (str(name[0]), int(name[1])) if name else ("0.0.0.0", 0)  # noqa: S104 compared, never bound


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
