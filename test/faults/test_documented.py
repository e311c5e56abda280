"""docs/faults.md names a test for every row, and no test that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "faults.md"
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.M)
NAMED = [
    (row, name, path)
    for row, *_, tests in ROWS
    for name, path in re.findall(r"\[`(\w+)`\]\(([^)]+)\)", tests)
]
EXPECTED = [
    *(f"A{number}" for number in range(1, 17)),
    *(f"B{number}" for number in range(1, 11)),
    *(f"C{number}" for number in range(1, 12)),
    *(f"D{number}" for number in range(1, 9)),
    *(f"E{number}" for number in range(1, 10)),
    *(f"F{number}" for number in range(1, 7)),
    *(f"G{number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)),
    *(f"H{number}" for number in (1, 2, 3, 4, 6, 7, 8, 9)),
    *(f"K{number}" for number in range(1, 13)),
    *("I2", "I3", "I4", "J1", "J2", "J4", "L1", "L2", "L4"),
]


def test_every_row_is_there_once_with_a_fault_a_promise_and_a_test() -> None:
    assert sorted(row for row, *_ in ROWS) == sorted(EXPECTED)
    assert {row for row, *_ in ROWS} == {row for row, _, _ in NAMED}


@pytest.mark.parametrize(("row", "name", "path"), NAMED, ids=[f"{r}-{n}" for r, n, _ in NAMED])
def test_a_named_test_is_where_the_document_says_and_shows_its_row(
    row: str, name: str, path: str
) -> None:
    assert row.lower() in name.split("_")
    source = (DOCUMENT.parent / path).resolve().read_text("utf-8")
    assert re.search(rf"^(async )?def {name}\(", source, re.M)
