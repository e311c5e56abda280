"""`siammask weights` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.file_server import Answer, FileServer

from siammask_ros.cli import BAD_INPUT, main
from siammask_ros.weights_cache.catalogue import WEIGHTS


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SIAMMASK_CACHE", str(folder))
    return folder


def test_list_fetch_and_path(
    cache: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list"]) == 0
    before = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in before] == ["name", *WEIGHTS, "cache:"]
    assert all("not fetched" in line for line in before[1:4])
    assert all(
        weights.address in line for weights, line in zip(WEIGHTS.values(), before[1:4], strict=True)
    )
    assert not cache.exists(), "looking makes no folder"

    with FileServer(content) as server:
        assert main(["weights", "fetch", "vot", "--mirror", server.address]) == 0
    told = capsys.readouterr().out
    assert "--model resnet50 --checkpoint vot --tracker-preset vot" in told
    assert "SHA-256" in told

    assert main(["weights", "path", "vot"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == cache / "SiamMask_VOT.pth"
    assert path.read_bytes() == content

    assert main(["weights", "list"]) == 0
    words = capsys.readouterr().out.splitlines()[2].split()
    assert words[:6] == ["vot", "resnet50", "vot", f"{len(content) / 1e6:.1f}", "MB", "fetched"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fetch", "nobody"], "expected one of: davis, vot, vot_ld"),
        (["path", "nobody"], "expected one of: davis, vot, vot_ld"),
        (["path", "davis"], "siammask weights fetch davis"),
        (["fetch", "davis", "--mirror", "file:///etc/hostname"], "expected http://"),
        (["fetch", "davis", "--mirror", "http://127.0.0.1:9/x.pth"], "Connection refused"),
        (["fetch", "davis", "--mirror", "{server}"], "web page"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileServer(b"", Answer(body=b"<html>", kind="text/html")) as server:
        filled = [part.format(server=server.address) for part in arguments]
        assert main(["weights", *filled]) == BAD_INPUT
    errors = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(errors) == 1, errors
    assert errors[0].startswith("siammask: ")
    assert words in errors[0]
    assert not list(cache.glob("*.pth"))


def test_a_damaged_file_has_no_path(
    cache: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileServer(content) as server:
        assert main(["weights", "fetch", "davis", "--mirror", server.address]) == 0
        (cache / "SiamMask_DAVIS.pth").write_bytes(content[:-1])
        capsys.readouterr()
        assert main(["weights", "path", "davis"]) == BAD_INPUT
        output = capsys.readouterr()
        assert output.out == ""
        assert "has changed since it was fetched" in output.err
        assert main(["weights", "fetch", "davis", "--mirror", server.address]) == 0
    assert main(["weights", "path", "davis"]) == 0
