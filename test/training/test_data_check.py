"""What `siammask train --check-data` tells of the data before hours of training."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from support.small_data import write_davis, write_ecssd

from siammask_ros.cli import main


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_davis(tmp_path, "ball")
    write_davis(tmp_path, "other", frames=4)
    write_ecssd(tmp_path, count=5)
    monkeypatch.setenv("SIAMMASK_DATA", str(tmp_path))
    path = tmp_path / "own.yaml"
    path.write_text(
        f"out: {tmp_path / 'out'}\nholdout: [other]\nsources:\n  - ecssd\n"
        f"  - {{kind: videos, path: {tmp_path / 'train' / 'davis'}}}\n"
    )
    return path


def test_it_tells_and_draws_what_was_read(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(config), "--check-data"]) == 0
    head, stills, videos, *written = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "source",
        "in",
        "videos",
        "in",
        "stills",
        "masks",
        "validation",
        "median",
        "area",
    ]
    assert stills.split()[:5] == ["ecssd", "0", "5", "5", "0"]
    assert videos.split()[2:6] == ["2", "0", "10", "1"]
    for name, line in zip(("objects.png", "pairs.png"), written, strict=True):
        path = config.parent / "out" / name
        assert line == f"wrote {path}"
        image = cv2.imread(str(path))
        assert image is not None and image.std() > 10
    assert not (config.parent / "out" / "last.pt").exists()


def test_data_that_cannot_be_read_are_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = config.parent / "train" / "davis" / "ball" / "00004.png"
    damaged.write_bytes(b"no image")
    assert main(["train", str(config), "--check-data"]) == 2
    assert f"{damaged} cannot be decoded" in capsys.readouterr().err
