"""Runs a timed runner in a separate process, to measure its memory and survive its crashes."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from siammask_ros.errors import EngineError, SiamMaskError
from siammask_ros.evaluation.speed.runners import Runner
from siammask_ros.evaluation.speed.timed_runner import Block, Cell, TimedRunner

_STATUS = Path("/proc/self/status")
_END_S = 5.0


@dataclass(frozen=True, slots=True)
class OpenedRunner:
    """A runner with the engine, precision and device that it really uses."""

    runner: Runner
    engine: str
    precision: str
    device: str
    device_memory_mb: Callable[[], float] = lambda: 0.0


class RunnerOpener(Protocol):
    """Opens a runner inside the new process; can be pickled."""

    def __call__(self) -> OpenedRunner:
        """Open the runner."""


class RunnerError(EngineError):
    """The runner's process failed, died or timed out."""


class RunnerProcess:
    """Starts the process and sends it one request at a time; use it in a with statement.

    Every method raises RunnerError with a one-line reason. After a failed request the process may
    still run and accept other requests.
    """

    def __init__(self, opener: RunnerOpener, patience_s: float) -> None:
        self._patience_s = patience_s
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, opener), daemon=True)
        self._started_s = time.monotonic()
        self._process.start()
        theirs.close()
        try:
            self.engine, self.precision, self.device = self._answer("opening")
            #: From the start of the process to its first answer.
            self.first_result_s = time.monotonic() - self._started_s
        except BaseException:
            self.close()
            raise

    def first_ms(self, cell: Cell) -> float:
        """See ``TimedRunner.first_ms``."""
        return float(self._ask("first_ms", cell))

    def block(self, cell: Cell, seconds: float, least: int) -> Block:
        """See ``TimedRunner.block``."""
        block: Block = self._ask("block", cell, seconds, least)
        return block

    def mean_j(self, root: str, sequence: str, masks_folder: str) -> list[float]:
        """See ``TimedRunner.mean_j``."""
        return list(self._ask("mean_j", root, sequence, masks_folder))

    def memory_mb(self) -> tuple[float, float]:
        """Return the peak memory of the process and of its accelerator."""
        process, device = self._ask("memory_mb")
        return float(process), float(device)

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> RunnerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            self._connection.send((method, arguments))
        except OSError:
            raise self._death(method) from None
        return self._answer(method)

    def _answer(self, what: str) -> Any:
        try:
            if not self._connection.poll(self._patience_s):
                self._process.kill()
                raise RunnerError(f"{what} took longer than {self._patience_s:.0f} s")
            is_good, answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._death(what) from None
        if not is_good:
            raise RunnerError(answer)
        return answer

    def _death(self, what: str) -> RunnerError:
        self._process.join(_END_S)
        return RunnerError(f"the process ended while {what}, exit code {self._process.exitcode}")


def _serve(connection: Connection, opener: RunnerOpener) -> None:
    """Answer requests until the other side closes the connection."""
    # The parent handles Ctrl-C and closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent may have closed the connection already.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            opened = opener()
            timed_runner = TimedRunner(opened.runner)
            timed_runner.warm_up()
        except Exception as error:
            connection.send((False, _join_lines(error)))
            return
        connection.send((True, (opened.engine, opened.precision, opened.device)))
        answers: dict[str, Callable[..., Any]] = {
            "first_ms": timed_runner.first_ms,
            "block": timed_runner.block,
            "mean_j": timed_runner.mean_j,
            "memory_mb": lambda: (peak_memory_mb(), opened.device_memory_mb()),
        }
        while True:
            method, arguments = connection.recv()
            connection.send(_call(answers[method], arguments))


def _call(method: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """Return (True, result) or (False, one-line error)."""
    try:
        return True, method(*arguments)
    except Exception as error:
        return False, _join_lines(error)


def peak_memory_mb() -> float:
    """Return the peak memory of this process since its program started.

    getrusage is not used: it also counts the parent process.
    """
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    raise EngineError(f"{_STATUS} does not say VmHWM; memory is measured on Linux only")


def _join_lines(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, SiamMaskError) else f"{type(error).__name__}: {text}"
