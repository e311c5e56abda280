"""Signals that ask a command to stop: it finishes its files and ends without a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Raised where the command is when it is asked to stop; ``code`` is its exit code."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Lets Ctrl-C, SIGTERM and SIGHUP raise Stopped.

    A second signal is ignored, so that files can be finished; a third one ends the process.
    Signals that this process was started to ignore, as under nohup, stay ignored.
    """
    asked = 0

    def stop(number: int, _: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Stopped(number)
        signal.signal(number, signal.SIG_DFL)

    with _handled(stop, *_ASKING):
        yield


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Lets Ctrl-C end the process at once: while modules are imported nothing is to be finished."""
    with _handled(signal.SIG_DFL, signal.SIGINT):
        yield


@contextmanager
def _handled(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Sets a handler for a while; does nothing outside of the main thread, which alone may."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
    kept = {number: old for number, old in before.items() if old != signal.SIG_IGN}
    for number in kept:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in kept.items():
            # None is a handler that was not set from Python and cannot be set again.
            with suppress(TypeError):
                signal.signal(number, old)
