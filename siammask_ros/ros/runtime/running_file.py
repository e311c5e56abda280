"""Detection of a previous process of the same node that crashed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from siammask_ros.ros.runtime.shared_memory import SHARED_MEMORY


class RunningFile:
    """A file that a node's process locks while it runs and removes when it exits normally.

    A process that finds the file unlocked follows one that crashed. ``node_name`` is the full name.
    The file is in shared memory, so it does not survive a reboot.
    """

    def __init__(self, node_name: str, domain_id: int, folder: Path = SHARED_MEMORY) -> None:
        name = node_name.strip("/").replace("/", ".")
        self.path = folder / f"siammask_ros.{os.getuid()}.{domain_id}.{name}"
        self._lock: int | None = None

    def take(self) -> bool:
        """Lock the file for this process; return whether the previous process crashed.

        Returns False if that cannot be known: no shared memory, or another process still runs.
        """
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        existed = self.path.exists()
        try:
            lock = os.open(self.path, flags, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return existed

    def remove(self) -> None:
        """Remove the file, because this process exits normally."""
        if self._lock is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None
