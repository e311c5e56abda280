"""What is on the screen of the page in a browser, and a server that stands still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.page_bench import PageBench

WAIT_S = 60.0


def stamp_shown(page: Any) -> str:
    """The stamp of the next picture that the page draws; fails if it draws none."""
    stamp = page.evaluate(
        f"""() => new Promise((done, fail) => {{
            document.getElementById("stage").addEventListener(
                "shown", (event) => done(event.detail.stamp), {{ once: true }});
            setTimeout(() => fail(new Error("no image was drawn")), {WAIT_S * 1e3});
        }})"""
    )
    return str(stamp)


def on_screen(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the 320×240 picture is on the screen."""
    frame = page.locator("#stage").bounding_box()
    scale = min(frame["width"] / 320, frame["height"] / 240)
    left = frame["x"] + (frame["width"] - 320 * scale) / 2
    top = frame["y"] + (frame["height"] - 240 * scale) / 2
    return left + x * scale, top + y * scale


def wait_for_text(page: Any, selector: str, words: str) -> None:
    page.wait_for_function(
        "([selector, words]) => document.querySelector(selector).textContent.includes(words)",
        arg=[selector, words],
    )


@contextmanager
def frozen(bench: PageBench) -> Iterator[None]:
    """The server says nothing more, and its connections stay open."""
    freed = threading.Event()
    assert bench.server._loop is not None
    bench.server._loop.call_soon_threadsafe(freed.wait, WAIT_S)
    try:
        yield
    finally:
        freed.set()
