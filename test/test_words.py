"""Given-up words do not come back: names and texts of finished rooms use the field's terms.

ROOMS lists the finished rooms, WORDS the words that are not used there, with what to write instead.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ROOMS = ("launch", "siammask_ros")
SUFFIXES = (".py", ".js", ".html", ".css")

# Regular expression, case-sensitive: what to write instead.
WORDS = {
    r"[Pp]ictures?(?![a-z])": "image (pixels) or frame (an image with its stamp)",
    r"\b[Ss]hots?\b": "frame, AnnotatedFrame",
    r"\bDesk\b|\b_?desk\b": "SessionState",
    r"\bBorder\b|\bguarded\b": "CallbackGuard",
    r"\bOutbox\b": "LatestPublisher",
    r"\bWatch\b": "StatusPublisher",
    r"\bProjector\b|\bprojector\b": "JpegEncoder",
    r"\bEntrance\b|\bentrance\b": "AuthRoutes",
    r"\bLive\(|\bclass Live\b": "WebSocketHub",
    r"\bAim\b|\baim_at\b": "Goal, compute_goal",
    r"\b[Ss]ightings?\b": "observation",
    r"\bJudgement\b|\bverdicts?\b|\bjudged?\b": "HealthStatus, validate, evaluate",
    r"\bhalving\b|\bhalved\b": "out_of_memory_retry",
    r"\.held\b|\bresting\b": "stream_interrupted, search_expired",
    r"\bstanding\b": "last_result, stop_reason",
    r"\bheard\b": "received",
    r"\b(any|some|no)body\b|\b[Ww]hoever\b": "name who or what it is",
    r"\bin vain\b": "without success",
    r"\banew\b": "again, restart",
    r"\bto be had\b": "available, in use",
    r"\bstep_within_memory\b": "step_with_retry",
    r"\basked_to_stop\b": "stop_event",
}

# First words of function names that look like participles and are not: verbs, nouns, and the
# adjectives of standard terms (bounding rectangle, expected average overlap).
VERBS = frozenset(
    (
        "bounding",
        "expected",
        "ring",
        "widen",
        "embed",
        "feed",
        "listen",
        "need",
        "open",
        "put",
        "read",
        "run",
        "seed",
        "set",
        "shut",
        "speed",
    )
)
IRREGULAR = re.compile(
    "begun|bent|bought|bound|built|caught|chosen|done|drawn|found|given|gone|hidden|held|kept|known|"
    "left|lost|made|meant|met|seen|sent|shown|sought|spent|stood|taken|thought|told|won"
)


def finished_files() -> list[str]:
    command = ["git", "ls-files", "-co", "--exclude-standard", *ROOMS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = sorted(set(listed.stdout.splitlines()))
    return [name for name in names if name.endswith(SUFFIXES) and (ROOT / name).is_file()]


def given_up_words(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in WORDS.items():
            if found := re.search(pattern, line):
                yield f"{number}: {found.group()!r}; write {instead}"


def is_participle(word: str) -> bool:
    has_ending = word.endswith(("ed", "en", "ing")) and len(word) > 3
    return word not in VERBS and (has_ending or bool(IRREGULAR.fullmatch(word)))


def participles(text: str) -> Iterator[str]:
    """Functions whose name begins with a participle; a property may be a state."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(each) for each in node.decorator_list}
            first = node.name.strip("_").partition("_")[0]
            if not decorators & {"property"} and is_participle(first):
                yield f"{node.lineno}: {node.name}(); name it by a verb"


FILES = finished_files()


def test_every_finished_room_has_files() -> None:
    assert [room for room in ROOMS if not any(file.startswith(room) for file in FILES)] == []


@pytest.mark.parametrize("file", FILES)
def test_a_finished_file_has_no_given_up_word(file: str) -> None:
    found = list(given_up_words((ROOT / file).read_text(encoding="utf-8")))
    assert not found, "\n".join(f"{file}:{line}" for line in found)


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".py")])
def test_a_finished_function_is_named_by_a_verb(file: str) -> None:
    found = list(participles((ROOT / file).read_text(encoding="utf-8")))
    assert not found, "\n".join(f"{file}:{line}" for line in found)


@pytest.mark.parametrize(
    "text", ["def show(shot): ...", "# a picture", "last_picture_s = 0", "raise E('tried in vain')"]
)
def test_a_given_up_word_is_found(text: str) -> None:
    assert list(given_up_words(text))


@pytest.mark.parametrize("name", ["judged", "_built", "drawn_targets", "spinning_executor"])
def test_a_participle_is_found(name: str) -> None:
    assert list(participles(f"class A:\n    def {name}(self): ..."))


@pytest.mark.parametrize("name", ["open", "listen", "build_config", "is_drawn", "feed_frames"])
def test_a_verb_is_allowed(name: str) -> None:
    assert not list(participles(f"def {name}(): ..."))
