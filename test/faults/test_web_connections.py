"""Rows K11 and K12: requests that are none, and connections that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import pytest
from support.page_bench import TIMEOUT_S, PageBench

from siammask_ros.web import connections

BAD_REQUESTS = 300


def test_k11_requests_that_are_none_do_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with PageBench() as bench:
        for _ in range(BAD_REQUESTS):
            with socket.create_connection(("127.0.0.1", bench.port), TIMEOUT_S) as connection:
                connection.sendall(b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b" 400 " in connection.recv(200)
        bench.serves_a_good_page()
    lines = [record for record in caplog.records if record.name.startswith(("aiohttp", "siam"))]
    assert len(lines) <= 3, "however long that takes, a line in ten seconds"
    assert not any(record.exc_info for record in lines)
    assert not any("\x00" in record.getMessage() for record in lines)


def test_k11_a_line_that_is_let_through_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: now_s[0])
    throttle = connections.LogThrottle()
    lines = []
    for _ in range(25):
        try:
            raise ValueError("bad\nline")
        except ValueError as error:
            trace = (ValueError, error, None)
        record = logging.LogRecord("x", logging.ERROR, "", 1, "Error from %s", ("a",), trace)
        if throttle.filter(record):
            lines.append(record.getMessage())
        now_s[0] += 1.0
    assert [line.rpartition(" (")[2] for line in lines] == [
        f"{count} more suppressed)" for count in (0, 9, 9)
    ]
    assert lines[0].startswith("Error from a: ValueError(")
    assert "\n" not in lines[0]


def test_k12_connections_that_say_nothing_take_no_room_from_a_page() -> None:
    with PageBench() as bench:
        silent = [
            socket.create_connection(("127.0.0.1", bench.port), TIMEOUT_S)
            for _ in range(connections.MAX_CONNECTIONS + 10)
        ]
        bench.serves_a_good_page()
        assert silent[0].recv(1) == b"", "the oldest made room"
        for each in silent:
            each.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half"])
def test_k12_a_connection_without_a_whole_request_is_cut_off(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_S", 0.3)
    with PageBench() as bench:

        async def stay() -> None:
            async with bench.page() as page:
                with socket.create_connection(("127.0.0.1", bench.port), TIMEOUT_S) as connection:
                    connection.sendall(sent)
                    with contextlib.suppress(ConnectionResetError):
                        assert await asyncio.to_thread(connection.recv, 1) == b""
                await page.status()

        asyncio.run(asyncio.wait_for(stay(), TIMEOUT_S))
