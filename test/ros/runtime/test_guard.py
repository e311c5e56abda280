"""The callback guard, the latest publisher and the log: one failure does not cause another."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest
from support.session_bench import wait_until

from siammask_ros.errors import BoxError
from siammask_ros.ros.runtime.guard import LOG_PERIOD_S, RECENT_S, CallbackGuard
from siammask_ros.ros.runtime.log_forwarding import LogForwarding
from siammask_ros.ros.tracking_io.latest_publisher import LatestPublisher


class Logger:
    """Collects what a node's logger would be told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda sentence: self.said.append((level, sentence))


def test_what_a_callback_raises_is_counted_and_logged_no_more_than_every_two_seconds() -> None:
    logger, now = Logger(), [0.0]
    guard = CallbackGuard(logger, lambda: now[0])

    def _on_image(message: int) -> float:
        return 1 / message

    wrapped = guard.wrap(_on_image)
    assert wrapped(2) == 0.5
    for _ in range(100):
        assert wrapped(0) is None
    assert guard.caught == {"on_image": 100}
    assert len(logger.said) == 1
    now[0] = LOG_PERIOD_S
    wrapped(0)
    assert len(logger.said) == 2
    assert "on_image: ZeroDivisionError: division by zero (101 so far)" in logger.said[-1][1]
    assert guard.recent
    now[0] += RECENT_S
    assert not guard.recent


def test_a_refusal_is_logged_and_is_no_bug() -> None:
    logger = Logger()
    guard = CallbackGuard(logger)

    def on_box() -> None:
        raise BoxError("box is too small; expected more")

    assert guard.wrap(on_box, lambda error: f"no: {error}")() == (
        "no: box is too small; expected more"
    )
    assert not guard.caught
    assert logger.said == [("warning", "on_box refused: box is too small; expected more")]


def test_a_refusal_names_the_topic_or_service_that_people_know() -> None:
    logger = Logger()

    def on_save() -> None:
        raise BoxError("no target '1'")

    CallbackGuard(logger).wrap(on_save, interface="~/save_target")()
    assert logger.said == [("warning", "~/save_target refused: no target '1'")]


def test_putting_never_waits_for_a_slow_delivery_and_the_newest_item_wins() -> None:
    delivered: list[int] = []
    goes_on = threading.Event()

    def deliver(item: int) -> None:
        delivered.append(item)
        goes_on.wait(10)

    latest = LatestPublisher("test", deliver)
    latest.put(0)
    wait_until(lambda: delivered, "the first delivery")
    began_s = time.monotonic()
    for item in range(1, 1001):
        latest.put(item)
    assert time.monotonic() - began_s < 0.5
    goes_on.set()
    wait_until(lambda: len(delivered) == 2, "the second delivery")
    assert latest.close()
    assert delivered == [0, 1000]
    assert latest.replaced == 999
    latest.put(1)
    assert delivered == [0, 1000]


def test_closing_does_not_wait_for_a_delivery_that_hangs() -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def deliver(item: int) -> None:
        hangs.set()
        goes_on.wait(10)

    latest = LatestPublisher("test", deliver)
    latest.put(1)
    assert hangs.wait(5)
    assert not latest.close(0.05)
    goes_on.set()
    assert latest.close(5)


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (logging.DEBUG, None),
        (logging.INFO, "info"),
        (logging.WARNING, "warning"),
        (logging.ERROR, "error"),
    ],
)
def test_what_the_core_logs_is_in_the_log_of_the_node(level: int, told: str | None) -> None:
    logger = Logger()
    forwarding = LogForwarding(logger)
    forwarding.install()
    try:
        logging.getLogger("siammask_ros.somewhere").log(level, "%d things", 3)
    finally:
        forwarding.remove()
    logging.getLogger("siammask_ros.somewhere").error("not heard any more")
    assert logger.said == ([(told, "3 things")] if told else [])


def test_e9_warnings_are_throttled_by_their_kind_and_not_by_their_text() -> None:
    logger, now = Logger(), [0.0]
    forwarding = LogForwarding(logger, lambda: now[0])
    forwarding.install()
    core = logging.getLogger("siammask_ros.somewhere")
    try:
        for height in range(100):
            core.warning("new size: %d", height)
            core.info("following %d", height)
        core.warning("something else")
        assert [text for level, text in logger.said if level == "warning"] == [
            "new size: 0",
            "something else",
        ]
        assert sum(level == "info" for level, _ in logger.said) == 100
        for second in range(3):
            now[0] = second * LOG_PERIOD_S
            core.warning("the same place %d", second)
        assert len([text for _, text in logger.said if text.startswith("the same")]) == 3
    finally:
        forwarding.remove()
