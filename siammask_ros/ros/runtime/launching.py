"""Helpers of the launch files: argument validation, and exit on a configuration error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from siammask_ros.errors import ConfigError
from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_KEPT_BYTES = 4096


def flag_argument(name: str, value: str) -> bool:
    """Parse a boolean launch argument; raises ConfigError for anything else."""
    text = value.strip().lower()
    if text not in _TRUE + _FALSE:
        expected = f"{', '.join(_TRUE)} or {', '.join(_FALSE)}"
        raise ConfigError(f"launch argument {name} is {value!r}; expected {expected}")
    return text in _TRUE


def number_argument(name: str, value: str) -> float:
    """Parse a numeric launch argument; raises ConfigError for anything else."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"launch argument {name} is {value!r}; expected a number")
    return number


def file_argument(name: str, value: str) -> str:
    """Check the path in a launch argument; raises ConfigError if it is not a file."""
    if not Path(value).is_file():
        raise ConfigError(
            f"launch argument {name}: no file {str(Path(value).absolute())!r}; expected a YAML file"
        )
    return value


class ConfigurationExit:
    """Ends the launch if a node exits because of its configuration: a restart would not help.

    ``on_output`` and ``on_exit`` take launch's events. They do not use launch's context, because it
    is different when the process exits.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._output = b""

    def on_output(self, event: Any) -> None:
        """Keep the last bytes of the process's output."""
        self._output = (self._output + event.text)[-_KEPT_BYTES:]

    def on_exit(self, event: Any, context: Any = None) -> None:
        """Raise ConfigError with the reason that the process printed; launch then exits."""
        if event.returncode == EXIT_CONFIGURATION:
            lines = self._output.decode(errors="replace").splitlines()
            reasons = [line for line in lines if line.startswith("error: ")]
            reason = reasons[-1].removeprefix("error: ") if reasons else "see its output above"
            raise ConfigError(f"{self._node_name} cannot start: {reason}")
