"""The guard around ROS callbacks: an exception in a callback is caught here and nowhere else."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from siammask_ros.errors import SiamMaskError
from siammask_ros.ros.runtime.compatibility import (
    RCLError,
    change_state_service,
    transition_underway,
)

LOG_PERIOD_S = 2.0
RECENT_S = 10.0


class CallbackGuard:
    """Catches, counts and logs the exceptions of callbacks; the log is throttled.

    A SiamMaskError is only logged: the node refused a request that it cannot serve. Without the
    guard, one exception in any callback ends the spinning of the whole node.
    """

    def __init__(self, logger: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.caught: Counter[str] = Counter()
        self._last = ""
        self._last_s = 0.0
        self._logger = logger
        self._clock = clock
        self._logged_s: dict[str, float] = {}

    def wrap(
        self,
        callback: Callable[..., Any],
        on_error: Callable[..., Any] | None = None,
        interface: str = "",
    ) -> Callable[..., Any]:
        """Return a callback that never raises.

        ``on_error(error, *arguments)`` gives the return value after an exception. A warning about
        a refusal names ``interface``, the topic or service of the callback.
        """
        name = callback.__name__.lstrip("_")

        @functools.wraps(callback)
        def call_guarded(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except SiamMaskError as error:
                self.warn(f"refused in {name}", f"{interface or name} refused: {error}")
                return on_error(error, *arguments) if on_error else None
            except Exception as error:
                self.count(name, error)
                return on_error(error, *arguments) if on_error else None

        return call_guarded

    def count(self, name: str, error: Exception) -> None:
        """Count and log an exception of the callback ``name``."""
        self.caught[name] += 1
        self._last = f"{name}: {describe_error(error)}"
        self._last_s = self._clock()
        count = f"({self.caught[name]} so far); the node continues"
        self.warn(f"caught in {name}", f"exception in {self._last} {count}")

    @property
    def recent(self) -> str:
        """The exception caught in the last ``RECENT_S``, or an empty string."""
        return self._last if self._clock() - self._last_s < RECENT_S else ""

    def warn(self, topic: str, sentence: str) -> None:
        """Log a warning, at most one of a topic every ``LOG_PERIOD_S``."""
        now_s = self._clock()
        if now_s - self._logged_s.get(topic, -LOG_PERIOD_S) >= LOG_PERIOD_S:
            self._logged_s[topic] = now_s
            self._logger.warning(sentence)


def describe_error(error: Exception) -> str:
    """Return an exception in one line, for our own exceptions only the message."""
    if isinstance(error, SiamMaskError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def failure_response(error: Exception, request: Any, response: Any) -> Any:
    """Return the response of a service whose callback raised."""
    response.success = False
    if hasattr(response, "message"):
        response.message = describe_error(error)
    return response


def guard_change_state_service(node: Any, guard: CallbackGuard, state: Callable[[], str]) -> None:
    """Guard the service `~/change_state`: rclpy raises for transitions that a state does not have.

    ``state`` returns the name of the node's state.
    """
    service = change_state_service(node)
    change = service.callback

    def on_change_state(request: Any, response: Any) -> Any:
        try:
            with transition_underway(node):
                return change(request, response)
        except RCLError as error:
            raise SiamMaskError(
                f"transition {request.transition.label or request.transition.id} is not "
                f"possible while the node is {state()}"
            ) from error

    service.callback = guard.wrap(on_change_state, failure_response, "~/change_state")
