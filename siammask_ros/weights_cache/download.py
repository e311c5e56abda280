"""Brings a file over HTTP: goes on after a cut, and never glues two different files together."""

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
from siammask_ros.weights_cache.partial_download import MAX_BYTES, Part

# Gets the bytes that are there, and how many there will be where the server says.
OnProgress = Callable[[int, "int | None"], None]

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 18
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_GONE = 416
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for.

    It may be silent for ``timeout_s``, and ``tries`` in a row may bring nothing new, with pauses
    of ``pause_s`` that double each time.
    """

    timeout_s: float = 20.0
    tries: int = 5
    pause_s: float = 1.0


PATIENT = Patience()


class _Cut(Exception):
    """This try did not bring the whole file; the next one may."""


class _Unreachable(_Cut):
    """Nobody answered at all."""


class _Redirects(HTTPRedirectHandler):
    """Follows the server elsewhere, but not from a secured connection to an open one."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request to follow with; raises ConfigError for an address that is refused."""
        check_address(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise ConfigError(
                f"{req.full_url} sends on to {newurl}, which is not secured; expected https. Name "
                "another address with --from"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = build_opener(_Redirects)


def check_address(address: str) -> None:
    """Raises ConfigError for anything but the address of a web server."""
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
    address: str, part: Part, on_progress: OnProgress, patience: Patience = PATIENT
) -> None:
    """Fills ``part`` to its end, however often the connection is cut.

    Raises ConfigError for an address that is none and a disk that cannot be written, and
    CheckpointError where nobody answers, the server refuses or sends a web page, or the tries in a
    row that brought nothing new are used up; what came until then stays for the next time.
    """
    check_address(address)
    most_bytes, fruitless, was_there = part.size_bytes, 0, False
    while not part.is_whole:
        try:
            _try_once(address, part, on_progress, patience.timeout_s)
            return
        except _Cut as cut:
            was_there = was_there or not isinstance(cut, _Unreachable)
            fruitless = 0 if part.size_bytes > most_bytes else fruitless + 1
            most_bytes = max(most_bytes, part.size_bytes)
            if not was_there or fruitless >= patience.tries:
                raise CheckpointError(_gave_up(address, cut, part)) from cut
            pause_s = patience.pause_s * 2**fruitless
            _LOG.warning("%s: %s; trying again in %.0f s", address, cut, pause_s)
        time.sleep(pause_s)


def _gave_up(address: str, cut: _Cut, part: Part) -> str:
    kept = f" {part.kept_bytes / 1e6:.1f} MB are kept to go on from." if part.kept_bytes else ""
    return (
        f"{address} cannot be fetched: {cut}; expected a file of weights.{kept} Check the network "
        "and run the same again, or name a mirror with --from"
    )


def _try_once(address: str, part: Part, on_progress: OnProgress, timeout_s: float) -> None:
    with _opened(address, part, timeout_s) as response:
        _refuse_page(address, response)
        _line_up(part, response)
        part.append(_chunks(part, response, on_progress))
    total_bytes = part.origin.total_bytes
    if total_bytes is not None and part.size_bytes < total_bytes:
        raise _Cut(f"the connection ended after {part.size_bytes} of {total_bytes} bytes")


def _opened(address: str, part: Part, timeout_s: float) -> Any:
    """The server's answer, asked for only what is missing."""
    headers = {"User-Agent": f"siammask_ros/{__version__}", "Accept-Encoding": "identity"}
    if part.kept_bytes:
        headers["Range"] = f"bytes={part.kept_bytes}-"
        headers["If-Range"] = part.origin.validator
    try:
        return _OPENER.open(Request(address, headers=headers), timeout=timeout_s)
    except HTTPError as error:
        with error:
            raise _refusal(address, part, error) from error
    except URLError as error:
        raise _Unreachable(_reason(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _Cut(_reason(error)) from error


def _refusal(address: str, part: Part, error: HTTPError) -> Exception:
    answer = f"the server answered {error.code} {_one_line(error.reason)}".rstrip()
    if error.code == _RANGE_GONE:
        part.drop()
    if error.code == _RANGE_GONE or error.code in _TRANSIENT:
        return _Cut(answer)
    return CheckpointError(
        f"{address} cannot be fetched: {answer}; expected a file of weights. Name another address "
        "with --from"
    )


def _refuse_page(address: str, response: Any) -> None:
    """A page may come where a proxy, a log-in or a server's apology stands in the way."""
    kind = response.headers.get_content_type()
    if kind in _PAGES:
        raise CheckpointError(
            f"{address} gave a web page ({kind}), not weights; expected a .pth file. Open the "
            "address in a browser to see what it says, or name another one with --from"
        )


def _line_up(part: Part, response: Any) -> None:
    """Makes the part end where the answer begins; raises _Cut where it cannot."""
    validator = _validator(response.headers)
    if response.status == 200:
        part.begin(validator, response.length)
        return
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    known_bytes = part.origin.total_bytes
    continues = (
        response.status == 206
        and found is not None
        and int(found[1]) == part.kept_bytes > 0
        and (found[2] == "*" or known_bytes is None or int(found[2]) == known_bytes)
        and validator in ("", part.origin.validator)
    )
    if not continues:
        part.drop()
        raise _Cut(f"the server answered {response.status} with a part of another file")


def _validator(headers: HTTPMessage) -> str:
    """What tells this state of the file from others; a weak ETag does not, byte for byte."""
    etag = headers.get("ETag", "")
    validator = etag if etag.startswith('"') else headers.get("Last-Modified", "")
    return validator if validator.isprintable() else ""


def _chunks(part: Part, response: Any, on_progress: OnProgress) -> Iterator[bytes]:
    size_bytes, total_bytes = part.size_bytes, part.origin.total_bytes
    on_progress(size_bytes, total_bytes)
    end_bytes = MAX_BYTES + 1 if total_bytes is None else total_bytes
    while size_bytes < end_bytes:
        try:
            chunk = response.read1(min(_CHUNK_BYTES, end_bytes - size_bytes))
        except (OSError, HTTPException) as error:
            raise _Cut(_reason(error)) from error
        if not chunk:
            return
        yield chunk
        size_bytes += len(chunk)
        on_progress(size_bytes, total_bytes)


def _reason(error: object) -> str:
    """In a few words, what the network said."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    return _one_line(text) or type(error).__name__


def _one_line(text: object) -> str:
    """Others' words without what would break a line or steer a terminal."""
    return "".join(letter for letter in " ".join(str(text).split()) if letter.isprintable())[:200]
