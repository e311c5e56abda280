"""A reverse proxy that serves a dashboard below a path of its own, as nginx would."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import aiohttp
from aiohttp import web

TIMEOUT_S = 30.0
PATH = "/robot/"


class SubPathProxy:
    """Serves ``target`` below ``url``; use it in a with statement. ``target`` may be set later."""

    def __init__(self) -> None:
        self.target = ""
        self.origin = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"{self.origin}{PATH}"

    def __enter__(self) -> SubPathProxy:
        self._thread.start()
        assert self._ready.wait(TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(TIMEOUT_S)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.router.add_get(f"{PATH}{{rest:.*}}", self._forward)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._ended.wait()
        await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        headers = {
            name: request.headers[name] for name in ("Host", "Origin") if name in request.headers
        }
        address = f"{self.target}/{request.match_info['rest']}"
        async with aiohttp.ClientSession() as session:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                async with session.get(address, headers=headers) as answer:
                    kind = {"Content-Type": answer.headers["Content-Type"]}
                    return web.Response(
                        body=await answer.read(), status=answer.status, headers=kind
                    )
            page = web.WebSocketResponse()
            await page.prepare(request)
            async with session.ws_connect(address, headers=headers) as dashboard:
                ways = ((page, dashboard), (dashboard, page))
                tasks = [asyncio.ensure_future(_pass_on(*way)) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            return page


async def _pass_on(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        else:
            await sink.send_bytes(message.data)
