"""The demo with the dashboard: it says where the page is, and ends with a signal."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import pytest
from support.moving_square import picture

from siammask_ros.demo import dashboard, demo

TEST = Path(__file__).resolve().parent.parent


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo, "TRACKER", "support.fake_tracker")
    monkeypatch.setattr(dashboard, "_page_parameters", lambda: {"port": 0})
    path = [str(TEST), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    folder = tmp_path / "video"
    folder.mkdir()
    for index in range(5):
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture(index))
    return folder


def test_the_page_is_served_until_the_demo_is_ended(
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended: list[Any] = []

    def watch(running: list[Any]) -> None:
        address = capsys.readouterr().out.partition("dashboard: ")[2].partition(" ")[0]
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"siammask" in page.read()
        ended.extend(running)
        raise KeyboardInterrupt

    monkeypatch.setattr(dashboard, "_watch", watch)
    assert dashboard.run_dashboard(str(video), None, tmp_path / "out", {}) == 0
    assert [node.name for node in ended] == ["dashboard", "fake_tracker", "player"]
    assert not any(node.is_running for node in ended)


def test_a_node_that_ends_is_said_so(
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(dashboard, "_page_parameters", lambda: {"address": "0.0.0.0", "port": 0})
    monkeypatch.delenv("SIAMMASK_WEB_TOKEN", raising=False)
    assert dashboard.run_dashboard(str(video), None, tmp_path / "out", {}) == demo.FAILED
    assert "a token is required" in capsys.readouterr().err
