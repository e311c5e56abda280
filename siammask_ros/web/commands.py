"""Commands of a page: JSON messages, validated and converted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from siammask_ros.errors import SiamMaskError
from siammask_ros.web.feed import Box

MAX_MESSAGE_BYTES = 4096
MAX_ID_LENGTH = 64
MAX_PX = 1e6
MAX_STAMP_NS = 2**63 - 1


class CommandError(SiamMaskError):
    """A message that is not a valid command, or a command that cannot be executed."""


@dataclass(frozen=True, slots=True)
class FrameShown:
    """The page has shown the frame of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Start a target from this box on the frame of this stamp; an empty id gets a free one."""

    box_xywh: Box
    stamp_ns: int
    target_id: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove this target."""

    target_id: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Remove all targets."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause or resume."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Start or stop recording."""

    on: bool


Command = FrameShown | Follow | Forget | Reset | Pause | Record


def parse_command(text: str) -> Command:
    """Return the command in a message. Raises CommandError for anything else.

    The result contains only finite numbers and short texts.
    """
    try:
        message = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise CommandError("message is not JSON; expected an object with `do`") from None
    if not isinstance(message, dict):
        raise CommandError("message is not an object; expected one with `do`")
    match message.get("do"):
        case "shown":
            return FrameShown(_parse_integer(message, "number", MAX_STAMP_NS))
        case "follow":
            return Follow(
                _parse_box(message), _parse_stamp(message), _parse_id(message, may_be_empty=True)
            )
        case "forget":
            return Forget(_parse_id(message))
        case "reset":
            return Reset()
        case "pause":
            return Pause(_parse_bool(message, "paused"))
        case "record":
            return Record(_parse_bool(message, "on"))
    raise CommandError("`do` is unknown; expected follow, forget, reset, pause, record or shown")


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _parse_box(message: Mapping[str, Any]) -> Box:
    values = message.get("box")
    if not isinstance(values, list) or len(values) != 4:
        raise CommandError("box is invalid; expected [left, top, width, height]")
    left, top, width, height = (_parse_pixels(value) for value in values)
    return left, top, width, height


def _parse_pixels(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -MAX_PX <= value <= MAX_PX or not math.isfinite(value):
        raise CommandError(f"box is invalid; expected numbers from -{MAX_PX:g} to {MAX_PX:g}")
    return float(value)


def _parse_stamp(message: Mapping[str, Any]) -> int:
    """Parse a stamp from text: JavaScript numbers have too few digits for nanoseconds."""
    value = message.get("stamp")
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()):
        raise CommandError("stamp is invalid; expected nanoseconds as text")
    if len(value) > 19 or int(value) > MAX_STAMP_NS:
        raise CommandError("stamp is too large; expected nanoseconds in 63 bits")
    return int(value)


def _parse_integer(message: Mapping[str, Any], name: str, high: int) -> int:
    value = message.get(name)
    if type(value) is not int or not 0 <= value <= high:
        raise CommandError(f"{name} is invalid; expected a whole number from 0")
    return value


def _parse_bool(message: Mapping[str, Any], name: str) -> bool:
    value = message.get(name)
    if not isinstance(value, bool):
        raise CommandError(f"{name} is invalid; expected true or false")
    return value


def _parse_id(message: Mapping[str, Any], may_be_empty: bool = False) -> str:
    value = message.get("id", "" if may_be_empty else None)
    if not isinstance(value, str) or not (value or may_be_empty) or len(value) > MAX_ID_LENGTH:
        raise CommandError(f"id is invalid; expected 1 to {MAX_ID_LENGTH} characters")
    if not value.isprintable():
        raise CommandError("id contains control characters; expected a name")
    return value
