"""What a page may say: text to a command, or a word on what was wrong with it."""

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
    """A message that is no command, or a command that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The page has shown the picture of this number, and can take another one."""

    number: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Follow what this box shows on the picture of this stamp; an empty id: a free one."""

    box_xywh: Box
    stamp_ns: int
    target_id: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """Follow this target no longer."""

    target_id: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Follow nothing any longer."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause, or go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Begin to record, or end it."""

    on: bool


Command = Seen | Follow | Forget | Reset | Pause | Record


def parsed(text: str) -> Command:
    """The command in a message; raises CommandError for anything else.

    What comes back holds finite numbers and short texts only.
    """
    try:
        message = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise CommandError("message is no JSON; expected an object with `do`") from None
    if not isinstance(message, dict):
        raise CommandError("message is no object; expected one with `do`")
    match message.get("do"):
        case "seen":
            return Seen(_whole(message, "number", MAX_STAMP_NS))
        case "follow":
            return Follow(_box(message), _stamp(message), _id(message, may_be_empty=True))
        case "forget":
            return Forget(_id(message))
        case "reset":
            return Reset()
        case "pause":
            return Pause(_flag(message, "paused"))
        case "record":
            return Record(_flag(message, "on"))
    raise CommandError("`do` is unknown; expected follow, forget, reset, pause, record or seen")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _box(message: Mapping[str, Any]) -> Box:
    values = message.get("box")
    if not isinstance(values, list) or len(values) != 4:
        raise CommandError("box is not understood; expected [left, top, width, height]")
    left, top, width, height = (_pixels(value) for value in values)
    return left, top, width, height


def _pixels(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -MAX_PX <= value <= MAX_PX or not math.isfinite(value):
        raise CommandError(f"box holds something else than pixels from -{MAX_PX:g} to {MAX_PX:g}")
    return float(value)


def _stamp(message: Mapping[str, Any]) -> int:
    """A stamp comes as text: it has more digits than a number of JavaScript's can hold."""
    value = message.get("stamp")
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()):
        raise CommandError("stamp is not understood; expected nanoseconds as text")
    if len(value) > 19 or int(value) > MAX_STAMP_NS:
        raise CommandError("stamp is too large; expected nanoseconds in 63 bits")
    return int(value)


def _whole(message: Mapping[str, Any], name: str, high: int) -> int:
    value = message.get(name)
    if type(value) is not int or not 0 <= value <= high:
        raise CommandError(f"{name} is not understood; expected a whole number from 0")
    return value


def _flag(message: Mapping[str, Any], name: str) -> bool:
    value = message.get(name)
    if not isinstance(value, bool):
        raise CommandError(f"{name} is not understood; expected true or false")
    return value


def _id(message: Mapping[str, Any], may_be_empty: bool = False) -> str:
    value = message.get("id", "" if may_be_empty else None)
    if not isinstance(value, str) or not (value or may_be_empty) or len(value) > MAX_ID_LENGTH:
        raise CommandError(f"id is not understood; expected 1 to {MAX_ID_LENGTH} characters")
    if not value.isprintable():
        raise CommandError("id holds something that cannot be printed; expected a name")
    return value
