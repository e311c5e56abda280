"""Fields of configuration dataclasses with description and legal range, and their validation.

ROS parameters, documentation and validation read the same fields.
"""

from __future__ import annotations

from dataclasses import Field, field, fields
from typing import Any

from siammask_ros.errors import ConfigError


def number(default: float, description: str, low: float, high: float) -> Any:
    """Define a field for a number from ``low`` to ``high``; an integer if the default is one."""
    return field(default=default, metadata={"description": description, "low": low, "high": high})


def text(default: str, description: str, choices: tuple[str, ...] = ()) -> Any:
    """Define a field for one of ``choices``, or for any text without choices."""
    return field(default=default, metadata={"description": description, "choices": choices})


def flag(default: bool, description: str) -> Any:
    """Define a boolean field."""
    return field(default=default, metadata={"description": description})


def check(config: Any) -> None:
    """Raise ConfigError for the first field of ``config`` with an illegal value.

    The message names the field, the value and what is expected.
    """
    for item in fields(config):
        value = getattr(config, item.name)
        if item.metadata and not _fits(value, item):
            raise ConfigError(f"{item.name} is {value!r}; expected {_describe_expected(item)}")


def _fits(value: Any, item: Field[Any]) -> bool:
    if isinstance(item.default, bool) or isinstance(value, bool):
        return isinstance(item.default, bool) and isinstance(value, bool)
    if isinstance(item.default, str):
        choices = item.metadata["choices"]
        return isinstance(value, str) and (not choices or value in choices)
    kinds = (int,) if isinstance(item.default, int) else (int, float)
    low, high = item.metadata["low"], item.metadata["high"]
    return isinstance(value, kinds) and low <= value <= high


def _describe_expected(item: Field[Any]) -> str:
    if isinstance(item.default, bool):
        return "true or false"
    if isinstance(item.default, str):
        choices = item.metadata["choices"]
        return f"one of: {', '.join(choices)}" if choices else "text"
    kind = "a whole number" if isinstance(item.default, int) else "a number"
    return f"{kind} from {item.metadata['low']:g} to {item.metadata['high']:g}"
