"""Links between the documents lead somewhere, and the files that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
# Folders that a path in a document may start from.
BASES = (ROOT, ROOT / "siammask_ros")


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_tools_and_settings_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"(?<![\w/])(?:test|tools|bench|config|launch)/[\w/]+\.\w+(?:\.\w+)?", text)
    missing = [name for name in names if not (ROOT / name.rstrip(".")).exists()]
    assert not missing


@pytest.mark.parametrize("name", ["architecture.md", "glossary.md"])
def test_a_page_names_only_source_files_that_exist(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    paths = re.findall(r"`(\w[\w/]*/(?:\w+\.py)?)`", text)
    assert paths
    missing = [path for path in paths if not any((base / path).exists() for base in BASES)]
    assert not missing


def test_a_page_names_functions_and_classes_that_are_in_their_files() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)(?:\.(\w+))?` \(`([\w/]+\.py)`", text)
    assert named
    for name, attribute, path in named:
        source = (ROOT / "siammask_ros" / path).read_text(encoding="utf-8")
        for each in filter(None, (name, attribute)):
            assert re.search(rf"^ *(class|def) {each}\b", source, re.MULTILINE), (path, each)


# Coined words of earlier versions, and the word that is used instead (docs/glossary.md).
GIVEN_UP = {
    "contestant": "baseline",
    "doubtful": "hardest background",
    "halving": "out_of_memory_retry",
    "journal": "log",
    "likeness": "similarity",
    "look-?alike": "distractor",
    "outbox": "publisher",
    "receipt": "record",
    "recognition": "reidentification",
    "taken_back": "accepted",
    "vanishing": "disappearance",
    "whereabouts": "pose",
    r"zoo\b": "weights cache",
}
TEXTS = [*PAGES, *sorted((ROOT / "siammask_ros").rglob("*.py"))]


@pytest.mark.parametrize(("word", "instead"), GIVEN_UP.items(), ids=GIVEN_UP)
def test_a_word_that_was_given_up_does_not_come_back(word: str, instead: str) -> None:
    pattern = re.compile(rf"(?<![a-z]){word}", re.IGNORECASE)
    found = [
        path.relative_to(ROOT).as_posix()
        for path in TEXTS
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"write {instead} instead"


LAUNCHES = [
    (page, line)
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("ros2 launch siammask_ros tracker.launch.py")
]


@pytest.mark.parametrize(("page", "line"), LAUNCHES, ids=lambda value: getattr(value, "name", ""))
def test_a_launch_command_of_a_page_gives_arguments_that_exist(page: Path, line: str) -> None:
    source = (ROOT / "launch" / "tracker.launch.py").read_text(encoding="utf-8")
    declared = set(re.findall(r'^    \("(\w+)", ', source, re.MULTILINE))
    assert "image" in declared
    assert set(re.findall(r"(\w+):=", line)) <= declared
