"""What the launch files need beside launch itself: checked arguments, and the end of a launch."""

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
    """The truth value of a launch argument; raises ConfigError for anything else."""
    text = value.strip().lower()
    if text not in _TRUE + _FALSE:
        expected = f"{', '.join(_TRUE)} or {', '.join(_FALSE)}"
        raise ConfigError(f"launch argument {name} is {value!r}; expected {expected}")
    return text in _TRUE


def number_argument(name: str, value: str) -> float:
    """The number in a launch argument; raises ConfigError where there is none."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"launch argument {name} is {value!r}; expected a number")
    return number


def file_argument(name: str, value: str) -> str:
    """The path in a launch argument; raises ConfigError where no file is there."""
    if not Path(value).is_file():
        raise ConfigError(
            f"launch argument {name}: no file {str(Path(value).absolute())!r}; expected a YAML file"
        )
    return value


class ConfigurationExit:
    """Ends a launch when a node exits because of its configuration: no restart would cure that.

    ``on_output`` and ``on_exit`` take launch's events. Nothing here depends on launch's context,
    which is another one when a process ends than it was when the process was describe_error.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._output = b""

    def on_output(self, event: Any) -> None:
        """Keeps the end of what the process writes."""
        self._output = (self._output + event.text)[-_KEPT_BYTES:]

    def on_exit(self, event: Any, context: Any = None) -> None:
        """Raises ConfigError with the reason that the process gave: launch prints it and ends."""
        if event.returncode == EXIT_CONFIGURATION:
            lines = self._output.decode(errors="replace").splitlines()
            reasons = [line for line in lines if line.startswith("error: ")]
            reason = reasons[-1].removeprefix("error: ") if reasons else "see its output above"
            raise ConfigError(f"{self._node_name} cannot start: {reason}")
