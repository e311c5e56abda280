"""A process finds out whether the one before it died."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from siammask_ros.ros.runtime.running_file import RunningFile

NAME = "/robot/siammask_tracker"
PROCESS = """
import sys
from pathlib import Path
from siammask_ros.ros.runtime.running_file import RunningFile
mark = RunningFile({name!r}, 7, Path(sys.argv[1]))
print(mark.take(), flush=True)
sys.stdin.readline()
mark.remove()
"""


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that runs until it is told to end, and what it says of the one before."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(name=NAME), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_h1_a_process_knows_that_the_one_before_died(tmp_path: Path) -> None:
    first, said = started(tmp_path)
    assert said == "False"
    first.kill()
    assert first.wait() == -signal.SIGKILL
    second, said = started(tmp_path)
    assert said == "True"
    second.communicate("end\n", timeout=60)
    assert list(tmp_path.iterdir()) == []
    third, said = started(tmp_path)
    assert said == "False"
    third.communicate("end\n", timeout=60)


def test_a_process_that_still_runs_has_not_died(tmp_path: Path) -> None:
    first, _ = started(tmp_path)
    mark = RunningFile(NAME, 7, tmp_path)
    assert not mark.take()
    mark.remove()
    assert mark.path.exists(), "the mark is the other process's"
    first.communicate("end\n", timeout=60)
    assert not mark.path.exists()


@pytest.mark.parametrize(
    ("name", "domain_id"), [("/rear/siammask_tracker", 7), (NAME, 8), ("/siammask_tracker", 7)]
)
def test_another_node_is_not_the_one_before(name: str, domain_id: int, tmp_path: Path) -> None:
    dead, _ = started(tmp_path)
    dead.kill()
    dead.wait()
    assert not RunningFile(name, domain_id, tmp_path).take()
    assert RunningFile(NAME, 7, tmp_path).take()


def test_without_shared_memory_nothing_is_known(tmp_path: Path) -> None:
    mark = RunningFile(NAME, 7, tmp_path / "missing")
    assert not mark.take()
    mark.remove()
