"""A real web server on this machine that serves one file, and misbehaves as it is told."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer: the file, unless something else is said.

    ``cut_after`` bytes of the body the connection ends. ``honours`` says what of a request for a
    part is looked at. ``length`` replaces the true Content-Length; 0 leaves it away.
    """

    status: int = 200
    reason: str | None = None
    body: bytes | None = None
    kind: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    length: int | None = None
    honours: tuple[str, ...] = ("Range", "If-Range")
    range_shift: int = 0


class FileServer:
    """Serves ``content``; the first requests get ``answers`` one by one, later ones the file."""

    def __init__(self, content: bytes, *answers: Answer) -> None:
        self.content = content
        self.etag = '"first"'
        self.last_modified = ""
        self.answers = list(answers)
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.statuses: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/weights.pth"

    @property
    def ranges(self) -> list[str | None]:
        """What part each request asked for."""
        return [request.get("Range") for request in self.requests]

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(site: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.paths.append(self.path)
            site.requests.append(dict(self.headers))
            answer = site.answers.pop(0) if site.answers else Answer()
            body = site.content if answer.body is None else answer.body
            start = self._start(answer, len(body))
            status = 206 if start is not None and answer.status == 200 else answer.status
            site.statuses.append(status)
            self.send_response(status, answer.reason)
            headers = {"Content-Type": answer.kind, **self._validators(), **answer.headers}
            if start is not None:
                shifted = start + answer.range_shift
                headers["Content-Range"] = f"bytes {shifted}-{len(body) - 1}/{len(body)}"
                body = body[shifted:]
            if answer.length != 0:
                headers["Content-Length"] = str(answer.length or len(body))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: answer.cut_after])
            self.close_connection = True

        def _start(self, answer: Answer, size: int) -> int | None:
            """The first byte asked for, if the answer is a part."""
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked is None or "Range" not in answer.honours or answer.status != 200:
                return None
            same = self.headers.get("If-Range") in self._validators().values()
            if "If-Range" in answer.honours and not same:
                return None
            return min(int(asked[1]), size)

        def _validators(self) -> dict[str, str]:
            named = {"ETag": site.etag, "Last-Modified": site.last_modified}
            return {name: value for name, value in named.items() if value}

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keeps the tests' output clean."""

    return Handler
