"""What the core logs, in the node's log."""

from __future__ import annotations

import logging
from typing import Any

PACKAGE = "siammask_ros"


class LogForwarding(logging.Handler):
    """Hands the log records of this package to a node's logger, from INFO on."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Logs one record at the level that ROS has for it."""
        text = self.format(record)
        # One line each: rclpy keeps the severity of every place that it is called from.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)

    def install(self) -> None:
        """Begins forwarding."""
        logger = logging.getLogger(PACKAGE)
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
        logger.addHandler(self)

    def remove(self) -> None:
        """Ends forwarding."""
        logging.getLogger(PACKAGE).removeHandler(self)
