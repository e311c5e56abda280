"""A lane in a process of its own: its memory, its start and its failures are its own."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from siammask_ros.errors import EngineError, SiamMaskError
from siammask_ros.evaluation.speed.runners import Runner
from siammask_ros.evaluation.speed.timed_runner import Block, Cell, Lane

_STATUS = Path("/proc/self/status")
_END_S = 5.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What an opener opened: the runner, and what really runs it where that was left open."""

    runner: Runner
    engine: str
    precision: str
    device: str
    device_memory_mb: Callable[[], float] = lambda: 0.0


class Opener(Protocol):
    """Opens a runner in the lane's process; can be pickled."""

    def __call__(self) -> Opened: ...


class LaneFailure(EngineError):
    """A lane's process refused, failed, died or took too long."""


class LaneProcess:
    """Starts the process and asks it one thing at a time; use it in a with statement.

    Every method raises LaneFailure with one line that says why; the process has then ended, or
    can still be asked where only that one question failed.
    """

    def __init__(self, opener: Opener, patience_s: float) -> None:
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
        """See ``Lane.first_ms``."""
        return float(self._ask("first_ms", cell))

    def block(self, cell: Cell, seconds: float, least: int) -> Block:
        """See ``Lane.block``."""
        block: Block = self._ask("block", cell, seconds, least)
        return block

    def mean_j(self, root: str, sequence: str, masks_folder: str) -> list[float]:
        """See ``Lane.mean_j``."""
        return list(self._ask("mean_j", root, sequence, masks_folder))

    def memory_mb(self) -> tuple[float, float]:
        """Peak memory of the process so far, and of its accelerator."""
        process, device = self._ask("memory_mb")
        return float(process), float(device)

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> LaneProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
                raise LaneFailure(f"{what} took longer than {self._patience_s:.0f} s")
            is_good, answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._death(what) from None
        if not is_good:
            raise LaneFailure(answer)
        return answer

    def _death(self, what: str) -> LaneFailure:
        self._process.join(_END_S)
        return LaneFailure(f"the process ended while {what}, exit code {self._process.exitcode}")


def _serve(connection: Connection, opener: Opener) -> None:
    """Answers questions until the other side closes."""
    # Ctrl-C is the other side's to handle; it closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for the answer of a side that is gone.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            opened = opener()
            lane = Lane(opened.runner)
            lane.warm_up()
        except Exception as error:
            connection.send((False, _in_a_line(error)))
            return
        connection.send((True, (opened.engine, opened.precision, opened.device)))
        answers: dict[str, Callable[..., Any]] = {
            "first_ms": lane.first_ms,
            "block": lane.block,
            "mean_j": lane.mean_j,
            "memory_mb": lambda: (peak_memory_mb(), opened.device_memory_mb()),
        }
        while True:
            method, arguments = connection.recv()
            connection.send(_answered(answers[method], arguments))


def _answered(method: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """Whether it went well, and the answer or one line on what went wrong."""
    try:
        return True, method(*arguments)
    except Exception as error:
        return False, _in_a_line(error)


def peak_memory_mb() -> float:
    """The most memory that this process has had since its program started.

    Not getrusage's: that one remembers the process that started this one.
    """
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    raise EngineError(f"{_STATUS} does not say VmHWM; memory is measured on Linux only")


def _in_a_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, SiamMaskError) else f"{type(error).__name__}: {text}"
