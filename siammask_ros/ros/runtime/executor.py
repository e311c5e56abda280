"""Callbacks in a pool of threads, without rclpy's busy waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.context import Context
from rclpy.executors import (
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)


class PooledExecutor(Executor):
    """Runs callbacks in ``threads`` threads; exceptions go to ``on_error`` and end nothing.

    rclpy's MultiThreadedExecutor offers a callback again and again until a thread has begun it.
    That loop keeps the interpreter's lock, so it delays the very thread it waits for, for tenths
    of a second; images get lost meanwhile. Here spinning sleeps until the callback has begun.
    """

    def __init__(
        self,
        threads: int,
        on_error: Callable[[Exception], None],
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="callback")
        # All threads now: one that came hours later, in a busy moment, would bring its share of
        # memory with it.
        together = threading.Barrier(threads)
        for _ in range(threads):
            self._pool.submit(together.wait)
        self._on_error = on_error

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Has one callback begun, or waits for the time given."""
        try:
            task, _, _ = self.wait_for_ready_callbacks(timeout_sec)
        except (ShutdownException, ExternalShutdownException, TimeoutException):
            return
        except Exception as error:
            self._on_error(error)
            return
        begun = threading.Event()
        self._pool.submit(self._execute, task, begun)
        begun.wait()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Begins no more callbacks; those that run are not waited for."""
        self._pool.shutdown(wait=False)
        return bool(super().shutdown(timeout_sec))

    def _execute(self, task: Any, begun: threading.Event) -> None:
        begun.set()
        task()
        if task.exception() is not None:
            self._on_error(task.exception())
