"""Publishes items in a separate thread; only the newest waiting item is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class LatestPublisher:
    """Calls ``deliver`` with each item in a thread of its own, so that ``put`` never blocks.

    The next item replaces one that still waits; ``replaced`` counts these. ``deliver`` must not
    raise.
    """

    def __init__(self, name: str, deliver: Callable[[Any], None]) -> None:
        self.replaced = 0
        self._deliver = deliver
        self._wake = threading.Condition()
        self._item: Any = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"siammask {name}", daemon=True)
        self._thread.start()

    def put(self, item: Any) -> None:
        """Deliver an item soon."""
        with self._wake:
            if self._closed:
                return
            self.replaced += self._item is not None
            self._item = item
            self._wake.notify()

    def close(self, timeout_s: float = 0.5) -> bool:
        """End the thread and drop a waiting item; return False if a delivery still hangs."""
        with self._wake:
            self._closed = True
            self._item = None
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._item is not None)
                if self._closed:
                    return
                item, self._item = self._item, None
            self._deliver(item)
