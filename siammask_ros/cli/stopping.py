"""Handles signals that stop a command: it closes its files and exits without a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Raised in the main thread by a stop signal; ``code`` is the exit code of the command."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextmanager
def handle_stop_signals() -> Iterator[None]:
    """Make Ctrl-C, SIGTERM and SIGHUP raise Stopped.

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

    with _replace_handlers(stop, *_ASKING):
        yield


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Make Ctrl-C end the process at once; used while modules are imported."""
    with _replace_handlers(signal.SIG_DFL, signal.SIGINT):
        yield


@contextmanager
def _replace_handlers(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Set a handler and restore the old ones; does nothing outside the main thread."""
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
