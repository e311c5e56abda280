"""Rows K1 to K4, K8, K10: who gets to see the page, and what it can be made to do."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.page_bench import PageBench, frame, target

from siammask_ros.errors import ConfigError
from siammask_ros.web.access_control import (
    FAILURE_WINDOW_S,
    MAX_FAILED_ADDRESSES,
    MAX_FAILURES,
    MAX_SESSIONS,
    AccessControl,
    read_token,
)
from siammask_ros.web.addresses import list_page_urls
from siammask_ros.web.auth import PAGES
from siammask_ros.web.config import WebConfig

TOKEN = "0123456789abcdef0123"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


def request(
    bench: PageBench, method: str, path: str, **options: Any
) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of an answer, the address taken as it is written."""

    async def go() -> tuple[int, str, dict[str, str]]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{bench.url}{path}", **options) as answer,
        ):
            return answer.status, await answer.text(), dict(answer.headers)

    return asyncio.run(go())


def raw_request(port: int, line: str, *headers: str) -> str:
    """The first line of the answer to a request that no client library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([line, *headers, "", ""]).encode())
        return connection.makefile("rb").readline().decode()


def opened(bench: PageBench, **headers: str) -> int:
    """The status of an attempt to open a live connection; 101 where it was opened."""

    async def go() -> int:
        try:
            async with bench.page(headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    return asyncio.run(go())


def foreign_origins(port: int) -> list[str]:
    return [
        "http://evil.example",
        "null",
        "",
        f"https://127.0.0.1:{port}",
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://evil.example:{port}",
        f"HTTP://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}/",
    ]


def test_k1_a_page_of_another_origin_gets_no_connection_and_no_session() -> None:
    with PageBench() as bench:
        for origin in foreign_origins(bench.port):
            assert opened(bench, Origin=origin) == 403, origin
            body = json.dumps({"token": TOKEN})
            status, _, _ = request(bench, "POST", "/session", headers={"Origin": origin}, data=body)
            assert status == 403, origin
        assert opened(bench, Origin=f"http://localhost:{bench.port}") == 101
        assert not bench.feed.commands
        bench.serves_a_good_page()


def test_k1_an_origin_that_was_given_is_one_of_ours() -> None:
    with PageBench(origins="http://robot.local:8088, https://robot.example") as bench:
        for origin in ("http://robot.local:8088", "https://robot.example"):
            assert opened(bench, Origin=origin) == 101
        assert opened(bench, Host="robot.local:8088", Origin="http://robot.local:8088") == 101
        assert opened(bench, Origin="http://robot.example") == 403
        bench.serves_a_good_page()


def test_k2_a_foreign_name_that_points_here_is_refused() -> None:
    with PageBench() as bench:
        own = f"127.0.0.1:{bench.port}"
        names = [
            "evil.example",
            f"evil.example:{bench.port}",
            "127.0.0.1",
            "",
            f"{own}.evil.example",
        ]
        for host in names:
            for path in ("/", "/app.js", "/session", "/live", "/nowhere"):
                line = raw_request(bench.port, f"GET {path} HTTP/1.1", f"Host: {host}")
                assert " 403 " in line, (host, path, line)
        assert " 403 " in raw_request(bench.port, "GET / HTTP/1.0")
        assert " 200 " in raw_request(bench.port, "GET / HTTP/1.1", f"Host: {own}")
        bench.serves_a_good_page()


def test_k3_without_the_token_there_is_no_connection(
    token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with PageBench(token_file=str(token_file)) as bench:
        origin = {"Origin": bench.url}
        assert request(bench, "GET", "/session")[0] == 401
        assert opened(bench) == 401
        for wrong in ("", "wrong", TOKEN[:-1], f"{TOKEN}x", "ü" * 20, 7, None, ["x"], "\ud800"):
            bench.server._auth._access._failures_s.clear()
            body = json.dumps({"token": wrong})
            assert request(bench, "POST", "/session", headers=origin, data=body)[0] == 401, wrong
        for body in ("", "[]", "nonsense", "[" * 4000):
            assert request(bench, "POST", "/session", headers=origin, data=body)[0] == 401
        assert request(bench, "POST", "/session", headers=origin, data="x" * 9000)[0] == 413
        body = json.dumps({"token": TOKEN})
        status, _, headers = request(bench, "POST", "/session", headers=origin, data=body)
        assert status == 204
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        own = cookie.partition(";")[0]
        assert opened(bench, Cookie=own) == 101
        assert opened(bench, Cookie=f"{own[:-1]}x") == 401
        assert opened(bench, Cookie=own, Origin="http://evil.example") == 403
        secret = own.partition("=")[2]
    assert TOKEN not in caplog.text
    assert secret not in caplog.text


def test_k3_wrong_tokens_are_slowed_down_and_sessions_are_bounded() -> None:
    now_s = [0.0]
    access = AccessControl(TOKEN, clock=lambda: now_s[0])
    for _ in range(MAX_FAILURES):
        assert not access.is_throttled("192.0.2.7")
        assert access.create_session("wrong", "192.0.2.7") is None
    assert access.is_throttled("192.0.2.7")
    assert not access.is_throttled("192.0.2.8"), "nobody can lock others out"
    now_s[0] += FAILURE_WINDOW_S + 1
    assert not access.is_throttled("192.0.2.7")
    for number in range(MAX_FAILURES):
        access.create_session("wrong", f"2001:db8::{number}")
    assert access.is_throttled("2001:db8::ffff"), "one host has as many addresses as it likes"
    assert not access.is_throttled("2001:db8:0:1::1")
    for number in range(2 * MAX_FAILED_ADDRESSES):
        access.create_session("wrong", f"10.0.{number >> 8}.{number & 255}")
    assert len(access._failures_s) == MAX_FAILED_ADDRESSES
    secrets = [access.create_session(TOKEN, "127.0.0.1") for _ in range(MAX_SESSIONS + 1)]
    assert not access.is_allowed(secrets[0])
    assert access.is_allowed(secrets[-1])
    assert not access.is_allowed(None)
    assert not access.is_allowed(TOKEN)
    now_s[0] += 13 * 3600
    assert not access.is_allowed(secrets[-1])


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7"])
def test_k4_an_address_that_others_reach_needs_a_token(
    address: str, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIAMMASK_WEB_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="a token is required"):
        PageBench(address=address)
    assert read_token(WebConfig(address=address, token_file=str(token_file))) == TOKEN
    monkeypatch.setenv("SIAMMASK_WEB_TOKEN", TOKEN)
    assert read_token(WebConfig(address=address)) == TOKEN


def test_k4_the_addresses_that_are_told_can_be_opened(token_file: Path) -> None:
    """What listens on 0.0.0.0 is opened by the addresses of this machine."""
    for address in ("0.0.0.0", "127.0.0.1"):
        with PageBench(address=address, token_file=str(token_file)) as bench:
            urls = bench.server.urls
            assert urls[0] == f"http://127.0.0.1:{bench.port}/" == bench.server.url
            assert not any("0.0.0.0" in url for url in urls)
            for url in urls:
                host = url.removeprefix("http://").rstrip("/")
                with socket.create_connection(host.rsplit(":", 1), timeout=10) as connection:
                    connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                    assert " 200 " in connection.makefile("rb").readline().decode(), url
    assert list_page_urls("::", 80)[0] == "http://[::1]:80/"


def test_k4_a_token_that_is_none_or_that_others_can_read_is_refused(token_file: Path) -> None:
    def refusal(**config: Any) -> str:
        with pytest.raises(ConfigError) as refused:
            read_token(WebConfig(**config))
        return str(refused.value)

    token_file.chmod(0o644)
    assert "chmod 600" in refusal(token_file=str(token_file))
    token_file.chmod(0o600)
    token_file.write_text("short")
    assert "at least 16" in refusal(token_file=str(token_file))
    token_file.write_text("")
    assert "is empty" in refusal(token_file=str(token_file))
    assert "cannot be read" in refusal(token_file=str(token_file.parent / "none"))
    assert "expected an IP address" in refusal(address="robot.local")


@pytest.mark.parametrize(
    "path",
    [
        "/../app.js",
        "/static/../../server.py",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "//etc/passwd",
        "/app.js/../../access.py",
        "/app.js%00",
        "/server.py",
        "/static/app.js",
    ],
)
def test_k8_a_path_that_is_no_page_is_not_found(path: str) -> None:
    with PageBench() as bench:
        line = raw_request(bench.port, f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{bench.port}")
        assert " 404 " in line or " 400 " in line, line
        bench.serves_a_good_page()


def test_k10_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() -> None:
    with PageBench() as bench:
        status, html, headers = request(bench, "GET", "/")
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "http:" not in policy
        assert "//" not in html.replace("<!doctype", "")
        assert headers["X-Content-Type-Options"] == "nosniff"
        for path in sorted(PAGES):
            status, text, headers = request(bench, "GET", path)
            assert status == 200
            assert headers["Content-Security-Policy"] == policy
            for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
                assert word not in text
        _, _, headers = request(bench, "GET", "/nowhere")
        assert headers["Content-Security-Policy"] == policy
        bench.serves_a_good_page()


def test_k10_a_label_goes_to_the_page_as_text() -> None:
    label = "<img src=x onerror=alert(1)>"

    async def read(bench: PageBench) -> str:
        async with bench.page() as page:
            about = None
            while about is None:
                bench.server.show(frame(0, target(0, label)))
                about = await page.next_picture(0.1)
            return str(about["targets"][0]["id"])

    with PageBench() as bench:
        assert asyncio.run(read(bench)) == label
