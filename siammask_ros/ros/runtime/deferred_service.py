"""A service whose response is sent later, when the node knows it, and not by its callback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.compatibility import InvalidHandle, RCLError
from siammask_ros.ros.runtime.guard import CallbackGuard, failure_response


class Reply:
    """Sends the response to one request; only the first one counts. Thread-safe."""

    def __init__(self, deliver: Callable[[Any, Any], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._header: Any = None
        self._response: Any = None

    def send(self, response: Any) -> None:
        """Send the response, or keep it until the executor has given the header of the request."""
        with self._lock:
            if self._response is not None:
                return
            self._response = response
            header = self._header
        if header is not None:
            self._deliver(response, header)

    def set_header(self, header: Any) -> None:
        """Set the header of the request, which names the client, and send what was kept."""
        with self._lock:
            self._header = header
            response = self._response
        if response is not None:
            self._deliver(response, header)


class DeferredService:
    """Calls ``on_request(request, reply)``; ``reply.send`` may be called later from any thread.

    The callback of an rclpy service has to return its response. A coroutine may await a future
    first, but executors up to Kilted then spin without a pause until the future is done. Here the
    callback returns a Reply in place of the response, and ``send_response`` takes it.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        kind: Any,
        name: str,
        on_request: Callable[[Any, Reply], None],
        callback_group: CallbackGroup,
    ) -> None:
        self._guard = guard
        self._kind = kind
        self._name = name
        self._on_request = guard.wrap(on_request, self._send_failure, name)
        service: Any = node.create_service(
            kind, name, self._on_call, qos_profile=qos.SERVICES, callback_group=callback_group
        )
        self._send_response = service.send_response
        service.send_response = _set_header

    def _on_call(self, request: Any, response: Any) -> Reply:
        reply = Reply(self._deliver)
        self._on_request(request, reply)
        return reply

    def _send_failure(self, error: Exception, request: Any, reply: Reply) -> None:
        reply.send(failure_response(error, request, self._kind.Response()))

    def _deliver(self, response: Any, header: Any) -> None:
        try:
            self._send_response(response, header)
        except (RCLError, InvalidHandle) as error:
            # The client has gone, or the node was destroyed.
            text = f"{self._name}: response not sent, client or node has ended: {error}"
            self._guard.warn("response not sent", text)


def _set_header(reply: Reply, header: Any) -> None:
    reply.set_header(header)
