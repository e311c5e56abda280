"""What killed processes leave in shared memory."""

from __future__ import annotations

import fcntl
import re
import time
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 the system's, not made here
# Younger ones may be about to be locked.
SETTLED_S = 10.0

_SEGMENT = re.compile(r"fast(rtps|dds)_[0-9a-f]{16}")
_LOCK = "_el"


def remove_abandoned_segments(folder: Path = SHARED_MEMORY) -> int:
    """Removes the segments of Fast DDS whose process is dead; how many.

    A process that is killed leaves its segment, 32 MiB with our profile, and one that is killed
    again and again would fill the memory. Fast DDS locks a file beside a segment for as long as
    its process lives: that is also what ``fastdds shm clean`` goes by.
    """
    removed = 0
    for lock in folder.glob(f"*{_LOCK}"):
        segment = lock.with_name(lock.name.removesuffix(_LOCK))
        try:
            if _SEGMENT.fullmatch(segment.name) and _is_abandoned(lock):
                segment.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
                removed += 1
        except OSError:  # somebody else's, or gone meanwhile
            continue
    return removed


def _is_abandoned(lock: Path) -> bool:
    with lock.open("rb") as file:
        if time.time() - lock.stat().st_mtime < SETTLED_S:
            return False
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
