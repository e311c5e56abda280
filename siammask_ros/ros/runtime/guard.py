"""The border between ROS and the node: an exception in a callback ends here and nowhere else."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from siammask_ros.errors import SiamMaskError
from siammask_ros.ros.runtime.compatibility import RCLError, change_state_service

LOG_PERIOD_S = 2.0
RECENT_S = 10.0


class Border:
    """Guards callbacks: what they raise is counted by callback and logged, at most so often.

    A SiamMaskError is a refusal, which is logged only: somebody asked for what cannot be. Without
    the border, one exception in any callback takes the whole spin down.
    """

    def __init__(self, logger: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.caught: Counter[str] = Counter()
        self._last = ""
        self._last_s = 0.0
        self._logger = logger
        self._clock = clock
        self._logged_s: dict[str, float] = {}

    def guard(
        self,
        callback: Callable[..., Any],
        on_error: Callable[..., Any] | None = None,
        interface: str = "",
    ) -> Callable[..., Any]:
        """The callback, never raising; ``on_error(error, *arguments)`` gives its answer then.

        ``interface`` is the topic or service that people know it by: a refusal names it.
        """
        name = callback.__name__.lstrip("_")

        @functools.wraps(callback)
        def guarded(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except SiamMaskError as error:
                self.warn(f"refused in {name}", f"{interface or name} refused: {error}")
                return on_error(error, *arguments) if on_error else None
            except Exception as error:
                self.count(name, error)
                return on_error(error, *arguments) if on_error else None

        return guarded

    def count(self, name: str, error: Exception) -> None:
        """Counts and logs an exception that was caught in ``name``."""
        self.caught[name] += 1
        self._last = f"{name}: {described(error)}"
        self._last_s = self._clock()
        self.warn(f"caught in {name}", f"caught in {self._last} ({self.caught[name]} so far)")

    @property
    def recent(self) -> str:
        """What was caught in the last ``RECENT_S``, or nothing."""
        return self._last if self._clock() - self._last_s < RECENT_S else ""

    def warn(self, topic: str, sentence: str) -> None:
        """Logs a warning, but not more than one of a topic every ``LOG_PERIOD_S``."""
        now_s = self._clock()
        if now_s - self._logged_s.get(topic, -LOG_PERIOD_S) >= LOG_PERIOD_S:
            self._logged_s[topic] = now_s
            self._logger.warning(sentence)


def described(error: Exception) -> str:
    """An exception in one line; for those of ours the message says all."""
    if isinstance(error, SiamMaskError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def unsuccessful(error: Exception, request: Any, response: Any) -> Any:
    """What a service answers whose callback raised."""
    response.success = False
    if hasattr(response, "message"):
        response.message = described(error)
    return response


def guard_change_state(node: Any, border: Border, state: Callable[[], str]) -> None:
    """Guards a lifecycle node's service: rclpy raises for transitions that a state does not have.

    ``state`` names the one that the node is in.
    """
    service = change_state_service(node)
    change = service.callback

    def on_change_state(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RCLError as error:
            raise SiamMaskError(
                f"transition {request.transition.label or request.transition.id} is not "
                f"possible while the node is {state()}"
            ) from error

    service.callback = border.guard(on_change_state, unsuccessful, "~/change_state")
