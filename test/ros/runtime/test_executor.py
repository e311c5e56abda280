"""The executor: begins each callback once, beside those that take long, and survives errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from support.node_bench import own_domain
from support.session_bench import wait_until

from siammask_ros.ros.runtime.executor import PooledExecutor

THREADS = 2


class Spun:
    """An executor in a thread that spins it, counting the rounds."""

    def __init__(self, context: Context) -> None:
        self.errors: list[Exception] = []
        self.rounds = 0
        self.executor = PooledExecutor(THREADS, self.errors.append, context)
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._asked.is_set():
            self.rounds += 1
            self.executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self._asked.set()
        self.executor.wake()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self.executor.shutdown(0)


@pytest.fixture
def spun() -> Iterator[Spun]:
    context = Context()
    rclpy.init(context=context, domain_id=own_domain())
    spun = Spun(context)
    yield spun
    spun.close()
    rclpy.shutdown(context=context)


def test_spinning_sleeps_while_a_callback_waits_for_a_thread(spun: Spun) -> None:
    busy, release = threading.Barrier(THREADS + 1), threading.Event()
    answers: list[str] = []

    def block() -> None:
        busy.wait(5)
        release.wait(5)

    for _ in range(THREADS):
        spun.executor.create_task(block)
    busy.wait(5)
    spun.executor.create_task(lambda: answers.append("begun"))
    try:
        time.sleep(0.3)
        rounds, began_s = spun.rounds, time.monotonic()
        time.sleep(0.5)
        waited_s = time.monotonic() - began_s
        assert not answers
    finally:
        release.set()
    # A round that offers the waiting callback once more would return at once.
    assert spun.rounds - rounds <= waited_s / 0.1 + 1
    wait_until(lambda: answers, "the callback that waited")
    time.sleep(0.2)
    assert answers == ["begun"]


def test_a_long_callback_does_not_hold_up_the_others(spun: Spun) -> None:
    release, answered = threading.Event(), threading.Event()
    spun.executor.create_task(release.wait)
    spun.executor.create_task(answered.set)
    assert answered.wait(5)
    release.set()


def test_an_error_is_handed_on_and_the_next_callback_runs(spun: Spun) -> None:
    def fail() -> None:
        raise ValueError("a callback of the test")

    answered = threading.Event()
    spun.executor.create_task(fail)
    wait_until(lambda: spun.errors, "the error")
    spun.executor.create_task(answered.set)
    assert answered.wait(5)
    (error,) = spun.errors
    assert isinstance(error, ValueError)
