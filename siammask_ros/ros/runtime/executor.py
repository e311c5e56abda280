"""An executor with a thread pool and without rclpy's busy waiting."""

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
    """Runs callbacks in ``threads`` threads; passes exceptions to ``on_error`` and continues.

    rclpy's MultiThreadedExecutor offers a callback again and again until a thread has started it.
    That loop holds the interpreter's lock, so it delays the thread it waits for, by tenths of a
    second; images get lost meanwhile. Here the spin thread sleeps until the callback has started.
    """

    def __init__(
        self,
        threads: int,
        on_error: Callable[[Exception], None],
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="callback")
        # Start all threads now: a later one would increase the memory of a long run.
        barrier = threading.Barrier(threads)
        for _ in range(threads):
            self._pool.submit(barrier.wait)
        self._on_error = on_error

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Start one callback, or wait for the given time."""
        try:
            task, _, _ = self.wait_for_ready_callbacks(timeout_sec)
        except (ShutdownException, ExternalShutdownException, TimeoutException):
            return
        except Exception as error:
            self._on_error(error)
            return
        started = threading.Event()
        self._pool.submit(self._execute, task, started)
        started.wait()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Start no more callbacks; does not wait for running ones."""
        self._pool.shutdown(wait=False)
        return bool(super().shutdown(timeout_sec))

    def _execute(self, task: Any, started: threading.Event) -> None:
        started.set()
        task()
        if task.exception() is not None:
            self._on_error(task.exception())
