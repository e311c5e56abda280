"""Lines of JSON, checked against the tables of docs/tracks.md."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "tracks.md"
_FIELD = re.compile(r"^\| `(\w+)` \| ([\w ]+) \|", re.MULTILINE)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that describe frames, each as documented."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = [row for row in rows if row["kind"] == "tracks"]
    for row in found:
        check_row(row)
    return found


def check_row(row: Mapping[str, Any]) -> None:
    """Raises AssertionError where a row has other fields or types than the document says."""
    frame_fields, target_fields = documented_fields()
    _check(row, frame_fields)
    for target in row["targets"]:
        _check(target, target_fields)


def documented_fields() -> tuple[dict[str, str], dict[str, str]]:
    """The fields of a line, and of a target, with their types in words."""
    _, line, target = re.split(r"^\| field of a \w+ .*$", DOCUMENT.read_text(), flags=re.MULTILINE)
    return dict(_FIELD.findall(line)), dict(_FIELD.findall(target))


def _check(values: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    assert set(values) == set(fields)
    for name, kind in fields.items():
        assert _is_a(values[name], kind), f"{name} is {values[name]!r}; documented as {kind}"


def _is_a(value: Any, kind: str) -> bool:
    if kind.endswith(" or null"):
        return value is None or _is_a(value, kind.removesuffix(" or null"))
    match kind:
        case "text":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "rotated box":
            return list(value) == ["x", "y", "width", "height", "theta"] and all(
                _is_a(number, "number") for number in value.values()
            )
        case "list of points":
            return all(len(point) == 2 and _is_a(point[0], "number") for point in value)
        case "list of polygons":
            return all(_is_a(polygon, "list of points") for polygon in value)
        case "list of targets":
            return isinstance(value, list)
    raise AssertionError(f"{kind} is no documented type")
