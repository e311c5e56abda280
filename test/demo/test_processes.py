"""Nodes as processes: their words, their end, and nothing left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from siammask_ros.demo import processes
from siammask_ros.demo.processes import NodeProcess, node_environment

TALKS = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
DEAF = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + TALKS
FAILS = "import sys\nprint('the reason')\nsys.exit(4)\n"


def started(folder: Path, source: str) -> NodeProcess:
    (folder / "small_node.py").write_text(source)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return NodeProcess("small_node", {"a": 1}, {**os.environ, "PYTHONPATH": path}, folder)


def wait_for(node: NodeProcess, line: str) -> None:
    until_s = time.monotonic() + 20
    while not node.has_logged(line):
        assert time.monotonic() < until_s
        time.sleep(0.02)


def test_node_is_heard_and_ended(tmp_path: Path) -> None:
    with started(tmp_path, TALKS) as node:
        wait_for(node, "ready")
        assert node.is_running
        assert not node.has_logged("read")
    assert not node.is_running


def test_node_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.3)
    with started(tmp_path, DEAF) as node:
        wait_for(node, "ready")
        assert node.stop() == -9


def test_node_is_ended_when_the_demo_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), started(tmp_path, TALKS) as node:
        wait_for(node, "ready")
        raise KeyError
    assert not node.is_running


def test_last_words_of_a_node_that_failed(tmp_path: Path) -> None:
    with started(tmp_path, FAILS) as node:
        assert node.process.wait(20) == 4
        assert not node.is_running
        assert node.last_lines == "the reason"
        assert node.stop() == 4


def test_environment_keeps_what_the_user_set(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    for name in ("ROS_DOMAIN_ID", *profiles):
        monkeypatch.delenv(name, raising=False)
    own = node_environment()
    assert 0 < int(own["ROS_DOMAIN_ID"]) < 102, "beyond, ports would collide"
    assert all(Path(own[name]).is_file() for name in profiles)
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    assert node_environment()["ROS_DOMAIN_ID"] == "7"
    assert own["PATH"] == os.environ["PATH"]
    assert sys.executable
