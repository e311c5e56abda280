"""Row H1 where it would fill the memory: what a killed process leaves is taken away."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from siammask_ros.ros.runtime.shared_memory import SETTLED_S, remove_abandoned_segments

DEAD, ALIVE, YOUNG = "fastrtps_0123456789abcdef", "fastdds_fedcba9876543210", "fastrtps_" + "0" * 16
PORT, STRANGER = "fastrtps_port7411", "sem.fastrtps_port7411_mutex"


def make(folder: Path, name: str, age_s: float) -> Path:
    """A segment with its lock file, made so long ago."""
    (folder / name).write_bytes(b"1234")
    lock = folder / f"{name}_el"
    lock.touch()
    os.utime(lock, (time.time() - age_s, time.time() - age_s))
    return lock


def test_h1_only_what_nobody_holds_is_removed(tmp_path: Path) -> None:
    for name in (DEAD, ALIVE, PORT, STRANGER):
        make(tmp_path, name, 2 * SETTLED_S)
    make(tmp_path, YOUNG, 0)
    with (tmp_path / f"{ALIVE}_el").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert remove_abandoned_segments(tmp_path) == 1
    left = {path.name.removesuffix("_el") for path in tmp_path.iterdir()}
    assert left == {ALIVE, YOUNG, PORT, STRANGER}
    assert remove_abandoned_segments(tmp_path) == 1, "its process has ended meanwhile"


def test_h1_without_shared_memory_nothing_is_removed(tmp_path: Path) -> None:
    assert remove_abandoned_segments(tmp_path / "none") == 0
