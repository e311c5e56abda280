"""Row L2: no key, token or password is in a file of this project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 1 << 20

# What a secret of each kind looks like; the words in brackets are no match of themselves.
PATTERNS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})",
    "key of Amazon": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "key of Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "token of PyPI": r"\bpypi-[A-Za-z0-9_-]{50}",
    "token of Hugging Face": r"\bhf_[A-Za-z0-9]{30}",
    "signed token": r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.",
    "password in an address": r"\b[a-z][a-z0-9+.-]*://[^/\s:@{}<>$]+:[^/\s:@{}<>$]{3,}@(?!127\.|localhost)",
    "value of a secret": r"(?i)\b(?:password|passwd|secret|api_?key|access_?token)\b"
    r"\s*[=:]\s*['\"][^'\"\s{}<>$]{8,}['\"]",
}


def secrets(text: str) -> list[str]:
    """Return "line: kind" for everything in the text that looks like a secret."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: {kind}"
        for kind, pattern in PATTERNS.items()
        for match in re.finditer(pattern, text)
    ]


def files() -> list[Path]:
    """Every file that is, or would be, in the repository; all of a package without one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        return [path for path in ROOT.rglob("*") if path.is_file()]
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_l2_no_file_holds_a_secret() -> None:
    found = {}
    scanned = 0
    for path in files():
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            continue
        scanned += 1
        text = path.read_bytes().decode("utf-8", errors="replace")
        if hits := secrets(text):
            found[str(path.relative_to(ROOT))] = hits
    assert scanned > 100
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----",
        "token: gh" + "p_" + "a1" * 18,
        "AK" + "IA" + "ABCDEFGHIJKLMNOP",
        "AI" + "za" + "b" * 35,
        "xo" + "xb-" + "1234567890-a",
        "py" + "pi-" + "c" * 50,
        "h" + "f_" + "d" * 30,
        "ey" + "J" + "e" * 20 + ".ey" + "J" + "f" * 20 + ".sig",
        "https://user:" + "hunter22@example.org",
        "pass" + "word = 'correct horse'".replace(" h", "h"),
        "API_" + 'KEY: "0123456789abcdef"',
    ],
)
def test_l2_a_secret_is_found(text: str) -> None:
    assert secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN CERTIFICATE-----",
        "password = os.environ['PASSWORD']",
        "token = request.cookies.get('token')",
        "https://github.com/owner/name",
        "https://user:{password}@example.org",
        "http://name:word@127.0.0.1/x",
        "sha256: " + "0" * 64,
    ],
)
def test_l2_what_is_no_secret_passes(text: str) -> None:
    assert not secrets(text)
