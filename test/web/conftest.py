"""Debian's Chromium, driven by Playwright; its own browsers are never fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from support.page_bench import PageBench
from support.page_screen import stamp_shown

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no browser: sudo apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Without its sandbox, because tests may run as root; it opens our own page only.
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A fresh browser profile; what a page complains of fails the test."""
    complaints: list[str] = []
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    opened.set_default_timeout(60_000)

    def listen(page: Any) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )

    opened.on("page", listen)
    opened.complaints = complaints
    yield opened
    opened.close()
    assert not complaints


@pytest.fixture
def bench() -> Any:
    with PageBench() as bench, bench.playing():
        yield bench


@pytest.fixture
def page(bench: PageBench, context: Any) -> Any:
    page = context.new_page()
    page.goto(bench.url)
    stamp_shown(page)
    return page
