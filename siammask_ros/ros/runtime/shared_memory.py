"""Removal of shared memory segments that killed processes left."""

from __future__ import annotations

import fcntl
import re
import time
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 the system's, not made here
# Newer files may not be locked yet.
SETTLED_S = 10.0

_SEGMENT = re.compile(r"fast(rtps|dds)_[0-9a-f]{16}")
_LOCK = "_el"


def remove_abandoned_segments(folder: Path = SHARED_MEMORY) -> int:
    """Remove the segments of Fast DDS whose process is dead; return their number.

    A killed process leaves its segment, 32 MiB with our profile; repeated crashes would fill the
    memory. Fast DDS locks a file next to each segment while its process lives; ``fastdds shm
    clean`` uses the same rule.
    """
    removed = 0
    for lock in folder.glob(f"*{_LOCK}"):
        segment = lock.with_name(lock.name.removesuffix(_LOCK))
        try:
            if _SEGMENT.fullmatch(segment.name) and _is_abandoned(lock):
                segment.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
                removed += 1
        except OSError:  # another user's file, or removed meanwhile
            continue
    return removed


def _is_abandoned(lock: Path) -> bool:
    with lock.open("rb") as file:
        if time.time() - lock.stat().st_mtime < SETTLED_S:
            return False
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
