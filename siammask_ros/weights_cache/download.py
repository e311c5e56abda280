"""Resumable HTTP download. It never joins parts of two different files."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from siammask_ros import __version__
from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache.partial_download import MAX_BYTES, PartialDownload

# Called with the bytes so far, and with the total if the server announced it.
OnProgress = Callable[[int, "int | None"], None]

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 18
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_GONE = 416
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait for a server and how often to retry.

    A response may take ``timeout_s``. After ``tries`` attempts in a row without new bytes the
    download fails. The pause between attempts starts at ``pause_s`` and doubles.
    """

    timeout_s: float = 20.0
    tries: int = 5
    pause_s: float = 1.0


DEFAULT_RETRY_POLICY = RetryPolicy()


class _ConnectionLost(Exception):
    """This attempt failed; another one may succeed."""


class _ServerUnreachable(_ConnectionLost):
    """The server did not respond."""


class _RedirectHandler(HTTPRedirectHandler):
    """Follows redirects, but not from https to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the redirected request; raises ConfigError for a refused address."""
        check_address(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise ConfigError(
                f"{req.full_url} sends on to {newurl}, which is not secured; expected https. Name "
                "another address with --from"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = build_opener(_RedirectHandler)


def check_address(address: str) -> None:
    """Raise ConfigError unless this is an http or https address."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_plain = re.fullmatch(r"[!-~]+", address) is not None and "@" not in parts.netloc
        is_sound = is_web and is_plain and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound:
        raise ConfigError(
            f"address {address!r} is not one of a file on a web server; expected http://… or "
            "https://… without a password (a file needs no fetching: give its path as checkpoint)"
        )


def download(
    address: str,
    partial: PartialDownload,
    on_progress: OnProgress,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> None:
    """Download into ``partial`` until it is complete, and resume after lost connections.

    Raises ConfigError for a wrong address or a disk that cannot be written. Raises CheckpointError
    if the server does not respond, refuses, sends a web page, or if too many attempts bring no new
    bytes. The bytes so far are kept for the next call.
    """
    check_address(address)
    most_bytes, fruitless, was_there = partial.size_bytes, 0, False
    while not partial.is_whole:
        try:
            _try_once(address, partial, on_progress, retry_policy.timeout_s)
            return
        except _ConnectionLost as cut:
            was_there = was_there or not isinstance(cut, _ServerUnreachable)
            fruitless = 0 if partial.size_bytes > most_bytes else fruitless + 1
            most_bytes = max(most_bytes, partial.size_bytes)
            if not was_there or fruitless >= retry_policy.tries:
                raise CheckpointError(_describe_failure(address, cut, partial)) from cut
            pause_s = retry_policy.pause_s * 2**fruitless
            _LOG.warning("%s: %s; trying again in %.0f s", address, cut, pause_s)
        time.sleep(pause_s)


def _describe_failure(address: str, cut: _ConnectionLost, partial: PartialDownload) -> str:
    kept = (
        f" {partial.resumable_bytes / 1e6:.1f} MB are kept to go on from."
        if partial.resumable_bytes
        else ""
    )
    return (
        f"{address} cannot be fetched: {cut}; expected a file of weights.{kept} Check the network "
        "and run the same again, or name a mirror with --from"
    )


def _try_once(
    address: str, partial: PartialDownload, on_progress: OnProgress, timeout_s: float
) -> None:
    with _open_response(address, partial, timeout_s) as response:
        _reject_web_page(address, response)
        _match_to_response(partial, response)
        partial.append(_read_chunks(partial, response, on_progress))
    total_bytes = partial.origin.total_bytes
    if total_bytes is not None and partial.size_bytes < total_bytes:
        raise _ConnectionLost(
            f"the connection ended after {partial.size_bytes} of {total_bytes} bytes"
        )


def _open_response(address: str, partial: PartialDownload, timeout_s: float) -> Any:
    """Request the missing bytes and return the response."""
    headers = {"User-Agent": f"siammask_ros/{__version__}", "Accept-Encoding": "identity"}
    if partial.resumable_bytes:
        headers["Range"] = f"bytes={partial.resumable_bytes}-"
        headers["If-Range"] = partial.origin.validator
    try:
        return _OPENER.open(Request(address, headers=headers), timeout=timeout_s)  # noqa: S310 check_address
    except HTTPError as error:
        with error:
            raise _convert_http_error(address, partial, error) from error
    except URLError as error:
        raise _ServerUnreachable(_describe_reason(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _ConnectionLost(_describe_reason(error)) from error


def _convert_http_error(address: str, partial: PartialDownload, error: HTTPError) -> Exception:
    answer = f"the server answered {error.code} {_one_line(error.reason)}".rstrip()
    if error.code == _RANGE_GONE:
        partial.discard()
    if error.code == _RANGE_GONE or error.code in _TRANSIENT:
        return _ConnectionLost(answer)
    return CheckpointError(
        f"{address} cannot be fetched: {answer}; expected a file of weights. Name another address "
        "with --from"
    )


def _reject_web_page(address: str, response: Any) -> None:
    """Raise CheckpointError for a web page, e.g. from a proxy or a log-in."""
    kind = response.headers.get_content_type()
    if kind in _PAGES:
        raise CheckpointError(
            f"{address} gave a web page ({kind}), not weights; expected a .pth file. Open the "
            "address in a browser to see what it says, or name another one with --from"
        )


def _match_to_response(partial: PartialDownload, response: Any) -> None:
    """Make the partial file end where the response begins; raises _ConnectionLost."""
    validator = _read_validator(response.headers)
    if response.status == 200:
        partial.begin(validator, response.length)
        return
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    known_bytes = partial.origin.total_bytes
    continues = (
        response.status == 206
        and found is not None
        and int(found[1]) == partial.resumable_bytes > 0
        and (found[2] == "*" or known_bytes is None or int(found[2]) == known_bytes)
        and validator in ("", partial.origin.validator)
    )
    if not continues:
        partial.discard()
        raise _ConnectionLost(f"the server answered {response.status} with a part of another file")


def _read_validator(headers: HTTPMessage) -> str:
    """Return the strong ETag or Last-Modified; a weak ETag does not prove equal bytes."""
    etag = headers.get("ETag", "")
    validator = etag if etag.startswith('"') else headers.get("Last-Modified", "")
    return validator if validator.isprintable() else ""


def _read_chunks(
    partial: PartialDownload, response: Any, on_progress: OnProgress
) -> Iterator[bytes]:
    size_bytes, total_bytes = partial.size_bytes, partial.origin.total_bytes
    on_progress(size_bytes, total_bytes)
    end_bytes = MAX_BYTES + 1 if total_bytes is None else total_bytes
    while size_bytes < end_bytes:
        try:
            chunk = response.read1(min(_CHUNK_BYTES, end_bytes - size_bytes))
        except (OSError, HTTPException) as error:
            raise _ConnectionLost(_describe_reason(error)) from error
        if not chunk:
            return
        yield chunk
        size_bytes += len(chunk)
        on_progress(size_bytes, total_bytes)


def _describe_reason(error: object) -> str:
    """Return the reason of a network error in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    return _one_line(text) or type(error).__name__


def _one_line(text: object) -> str:
    """Return the text on one line, without control characters."""
    return "".join(letter for letter in " ".join(str(text).split()) if letter.isprintable())[:200]
