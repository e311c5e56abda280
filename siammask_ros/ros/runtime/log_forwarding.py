"""What the core logs, in the node's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from siammask_ros.ros.runtime.guard import LOG_PERIOD_S

PACKAGE = "siammask_ros"


class LogForwarding(logging.Handler):
    """Hands the log records of this package to a node's logger, from INFO on.

    Of warnings and errors of one kind, no more than one every ``LOG_PERIOD_S``. The kind is the
    place in the source and its sentence before values are put in: a size that changes with every
    image makes another text each time.
    """

    def __init__(self, logger: Any, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        self._logger = logger
        self._clock = clock
        self._logged_s: dict[tuple[str, int, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Logs one record at the level that ROS has for it."""
        if record.levelno >= logging.WARNING and self._was_just_said(record):
            return
        text = self.format(record)
        # One line each: rclpy keeps the severity of every place that it is called from.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)

    def _was_just_said(self, record: logging.LogRecord) -> bool:
        now_s = self._clock()
        recent = {
            kind: said_s for kind, said_s in self._logged_s.items() if now_s - said_s < LOG_PERIOD_S
        }
        kind = record.pathname, record.lineno, str(record.msg)
        was_said = kind in recent
        recent.setdefault(kind, now_s)
        self._logged_s = recent
        return was_said

    def install(self) -> None:
        """Begins forwarding."""
        logger = logging.getLogger(PACKAGE)
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
        logger.addHandler(self)

    def remove(self) -> None:
        """Ends forwarding."""
        logging.getLogger(PACKAGE).removeHandler(self)
