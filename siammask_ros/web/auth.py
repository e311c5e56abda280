"""HTTP requests except the WebSocket: access checks, login, and the page's files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from siammask_ros.web.access_control import AccessControl

_log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
# All files that can be fetched, by URL path: no requested path is opened on disk.
PAGES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/connection.js": ("connection.js", "text/javascript"),
    "/liveness.js": ("liveness.js", "text/javascript"),
    "/drawing.js": ("drawing.js", "text/javascript"),
    "/stage.js": ("stage.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/texts.js": ("texts.js", "text/javascript"),
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


class AuthRoutes:
    """Checks requests and serves the page. Lives in the server's event loop.

    ``is_full`` returns whether the maximum number of pages is open. ``find_recording`` returns the
    path of a recording. ``on_request`` is called for every complete request.
    """

    def __init__(
        self,
        access: AccessControl,
        is_full: Callable[[], bool],
        find_recording: Callable[[str], Path | None],
    ) -> None:
        self._access = access
        self._is_full = is_full
        self._find_recording = find_recording
        self.on_request: Callable[[web.Request], None] = lambda request: None
        self._pages = {
            path: ((STATIC / name).read_bytes(), kind) for path, (name, kind) in PAGES.items()
        }
        self._logged_s = -LOG_PERIOD_S

    def add_to(self, application: web.Application) -> None:
        """Add the checks and the routes to the application."""
        application.middlewares.append(self._check_host)
        application.on_response_prepare.append(_add_headers)
        for path in self._pages:
            application.router.add_get(path, self._serve_page)
        application.router.add_get("/session", self._report_session)
        application.router.add_post("/session", self._log_in)
        application.router.add_get("/recordings/{name}", self._serve_recording)

    def check(self, request: web.Request) -> None:
        """Raise 403 for a request from another page, 401 for one without a session."""
        self._check_origin(request)
        self._check_session(request)

    @web.middleware
    async def _check_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Reject foreign host names; answer exceptions of a handler with status 500."""
        self.on_request(request)
        if not self._access.is_own_host(request.headers.get("Host", ""), _local_address(request)):
            raise web.HTTPForbidden(text="unknown host name; add it to the parameter origins\n")
        try:
            return await handler(request)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            now_s = time.monotonic()
            if now_s - self._logged_s >= LOG_PERIOD_S:
                self._logged_s = now_s
                _log.exception("request %r failed, answered with 500", request.path[:40])
            raise web.HTTPInternalServerError(text="internal error\n") from None

    def _check_origin(self, request: web.Request) -> None:
        if not self._access.is_own_origin(
            request.headers.get("Origin", ""), _local_address(request)
        ):
            raise web.HTTPForbidden(text="the request comes from another web page\n")

    def _check_session(self, request: web.Request) -> None:
        if not self._access.is_allowed(request.cookies.get(_cookie_name(request))):
            raise web.HTTPUnauthorized(text="a token is required\n")

    async def _serve_page(self, request: web.Request) -> web.Response:
        body, kind = self._pages[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _serve_recording(self, request: web.Request) -> web.StreamResponse:
        """Send a file of the last recording, found by its name."""
        self._check_session(request)
        path = self._find_recording(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text="no such recording\n")
        kept = f'attachment; filename="{path.name}"'
        return web.FileResponse(path, headers={"Content-Disposition": kept})

    async def _report_session(self, request: web.Request) -> web.Response:
        """Tell a page whether it may open its WebSocket: a failed WebSocket does not say why."""
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
            raise web.HTTPRequestTimeout(text="timeout: no token was received\n") from None
        except (ValueError, RecursionError, KeyError, TypeError):
            token = None
        secret = self._access.create_session(token, peer) if isinstance(token, str) else None
        if secret is None:
            raise web.HTTPUnauthorized(text="wrong token\n")
        response = web.Response(status=204)
        is_secure = request.headers["Origin"].startswith("https:")
        response.set_cookie(
            _cookie_name(request),
            secret,
            httponly=True,
            samesite="Strict",
            path="/",
            secure=is_secure,
        )
        return response


def _cookie_name(request: web.Request) -> str:
    """Return the cookie's name; it contains the port because browsers share cookies among ports."""
    return f"siammask_session_{_local_address(request)[1]}"


def _local_address(request: web.Request) -> tuple[str, int]:
    """Return this machine's address and port of a request."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return (str(name[0]), int(name[1])) if name else ("0.0.0.0", 0)  # noqa: S104 compared, never bound


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
