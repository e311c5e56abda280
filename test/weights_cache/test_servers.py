"""What servers answer instead of weights is refused, and the next fetch succeeds."""

from __future__ import annotations

import socket
from functools import partial
from http.client import HTTPMessage
from io import BytesIO
from urllib.request import Request

import pytest
from support.file_server import Answer, FileServer
from support.outcome import assert_fetched, assert_nothing_kept

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache import download
from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.download import RetryPolicy
from siammask_ros.weights_cache.fetch import fetch

CUT = 20_000


PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(body=PAGE, kind="text/html; charset=utf-8"), "gave a web page"),
        (Answer(body=PAGE), "is a web page"),
        (Answer(body=b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
        (Answer(body=b""), "empty"),
        (Answer(body=b"\x80\x04nothing"), "gave no weights"),
    ],
    ids=["HTML", "HTML in disguise", "Git LFS pointer", "nothing", "damaged"],
)
def test_what_is_not_weights_is_refused_and_the_next_fetch_succeeds(
    answer: Answer, words: str, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, answer) as server:
        with pytest.raises(CheckpointError, match=words) as refusal:
            fetch(davis, server.address, retry_policy=retry_policy)
        assert "\n" not in str(refusal.value)
        assert server.address in str(refusal.value)
        assert_nothing_kept(davis)
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_told_at_once(
    status: int, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(status, body=b"", reason="No\x1b[2J way")) as server:
        with pytest.raises(CheckpointError, match=rf"the server answered {status} No\[2J way;"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert len(server.requests) == 1
    assert_nothing_kept(davis)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again_for_a_while(
    status: int, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    troubles = [Answer(status, body=b"") for _ in range(retry_policy.tries)]
    with FileServer(content, *troubles) as server:
        with pytest.raises(CheckpointError, match=f"the server answered {status}"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert len(server.requests) == retry_policy.tries
        server.answers = [Answer(status, body=b"")]
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


def test_a_redirect_is_followed_also_with_a_part(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    moved = Answer(302, body=b"", headers={"Location": "/elsewhere/new%20name.pth"})
    with FileServer(content, moved, Answer(cut_after=CUT), moved) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.paths == ["/weights.pth", "/elsewhere/new%20name.pth"] * 2
        assert server.ranges == [None, None, f"bytes={CUT}-", f"bytes={CUT}-"]
    assert_fetched(davis, content)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///etc/hostname", "not allowed"),
        ("ftp://127.0.0.1/x", "expected http://"),
        ("http://name:word@127.0.0.1/x", "without a password"),
        ("/weights.pth", "infinite loop"),
    ],
    ids=["file", "ftp", "password", "circle"],
)
def test_a_redirect_in_a_circle_or_off_the_web_is_refused(
    target: str, words: str, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    moved = [Answer(302, body=b"", headers={"Location": target}) for _ in range(20)]
    with FileServer(content, *moved) as server:
        with pytest.raises((CheckpointError, ConfigError), match=words) as refusal:
            fetch(davis, server.address, retry_policy=retry_policy)
        assert "\n" not in str(refusal.value)
        assert len(server.requests) <= 11
    assert_nothing_kept(davis)


def test_a_redirect_from_a_secured_address_to_an_open_one_is_refused() -> None:
    secured = Request("https://127.0.0.1/x.pth")
    redirects = download._RedirectHandler()
    follow = partial(redirects.redirect_request, secured, BytesIO(), 302, "", HTTPMessage())
    with pytest.raises(ConfigError, match="not secured"):
        follow("http://127.0.0.1/x.pth")
    assert follow("https://127.0.0.1/y.pth")


def test_no_server_is_told_at_once(davis: CachedFile, retry_policy: RetryPolicy) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/weights.pth"
    slow = RetryPolicy(timeout_s=5.0, tries=3, pause_s=1000.0)
    with pytest.raises(CheckpointError, match=r"Connection refused.*Check the network"):
        fetch(davis, address, retry_policy=slow)
    assert_nothing_kept(davis)


def test_a_silent_server_is_not_waited_for_forever(davis: CachedFile) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        with pytest.raises(CheckpointError, match="no answer in time"):
            fetch(davis, address, retry_policy=RetryPolicy(timeout_s=0.05, tries=2, pause_s=0.001))


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/x.pth",
        "weights.pth",
        "http://",
        "http://127.0.0.1:99999/x.pth",
        "http://name:word@127.0.0.1/x.pth",
        "http://127.0.0.1/a b.pth",
        "http://127.0.0.1/a\r\nHost: other",
        "http://[::1/x.pth",
    ],
)
def test_an_address_off_the_web_is_refused(
    address: str, davis: CachedFile, retry_policy: RetryPolicy
) -> None:
    with pytest.raises(ConfigError, match="expected http://"):
        fetch(davis, address, retry_policy=retry_policy)
    assert not davis.folder.exists()
