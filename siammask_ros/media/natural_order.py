"""The order in which people number files: 2.jpg comes before 10.jpg."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_NUMBER = re.compile(r"([0-9]+)")


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort paths by their parts, with every number in them compared by its value.

    Names that differ only in leading zeros ("1.jpg", "01.jpg") are in text order.
    """
    return sorted(paths, key=lambda path: ([_natural_key(part) for part in path.parts], str(path)))


def _natural_key(name: str) -> list[str | int]:
    """Split a name into text and numbers by turns, so that equal places hold equal types."""
    return [int(part) if place % 2 else part for place, part in enumerate(_NUMBER.split(name))]
