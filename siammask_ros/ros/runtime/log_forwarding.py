"""Forwards log records of the package to a node's logger."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from siammask_ros.ros.runtime.guard import LOG_PERIOD_S

PACKAGE = "siammask_ros"


class LogForwarding(logging.Handler):
    """Passes log records of this package to a node's logger, from INFO on.

    Warnings and errors of one kind are limited to one per ``LOG_PERIOD_S``. The kind is the source
    line and the format string without its values, which may differ for every image.
    """

    def __init__(self, logger: Any, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        self._logger = logger
        self._clock = clock
        self._logged_s: dict[tuple[str, int, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record at the matching ROS level."""
        if record.levelno >= logging.WARNING and self._is_throttled(record):
            return
        text = self.format(record)
        # One call each: rclpy allows only one severity per line of source.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)

    def _is_throttled(self, record: logging.LogRecord) -> bool:
        now_s = self._clock()
        recent = {
            kind: logged_s
            for kind, logged_s in self._logged_s.items()
            if now_s - logged_s < LOG_PERIOD_S
        }
        kind = record.pathname, record.lineno, str(record.msg)
        is_recent = kind in recent
        recent.setdefault(kind, now_s)
        self._logged_s = recent
        return is_recent

    def install(self) -> None:
        """Start forwarding."""
        logger = logging.getLogger(PACKAGE)
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
        logger.addHandler(self)

    def remove(self) -> None:
        """Stop forwarding."""
        logging.getLogger(PACKAGE).removeHandler(self)
