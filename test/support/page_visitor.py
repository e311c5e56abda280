"""A page without a browser that stays open beside a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from support.page_bench import Page

WAIT_S = 60.0


@contextmanager
def visitor(url: str) -> Iterator[Page]:
    """A page that stays open, in a thread of its own."""
    ended, opened = threading.Event(), threading.Event()
    pages: list[Page] = []

    async def visit() -> None:
        origin = {"Origin": url.rstrip("/")}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}live", headers=origin) as socket,
        ):
            page = Page(socket)
            pages.append(page)
            opened.set()
            while not ended.is_set() and not socket.closed:
                await page.next_picture(0.2)

    def run() -> None:
        try:
            asyncio.run(visit())
        except (AssertionError, aiohttp.ClientError, OSError):
            return  # The dashboard is dead by then.

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert opened.wait(WAIT_S)
        yield pages[0]
    finally:
        ended.set()
        thread.join(10)
