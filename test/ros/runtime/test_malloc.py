"""How a node's process uses the C library's malloc."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# All threads allocate before any of them ends: malloc gives each a heap of its own if it may.
REPORT_HEAPS = """
import ctypes, sys, threading
from siammask_ros.ros.runtime.process import configure_malloc

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p

def report(path):
    libc.malloc_info(0, ctypes.c_void_p(libc.fopen(path.encode(), b"w")))
    libc.fflush(None)

assert configure_malloc()
report(sys.argv[1])
barrier = threading.Barrier(8)

def allocate():
    barrier.wait()
    blocks = [bytes(100_000) for _ in range(20)]
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report(sys.argv[2])
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has several heaps"
)
def test_new_threads_of_a_node_get_no_heaps_of_their_own(tmp_path: Path) -> None:
    before, after = tmp_path / "before.xml", tmp_path / "after.xml"
    command = [sys.executable, "-c", REPORT_HEAPS, str(before), str(after)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert _count_heaps(after) == _count_heaps(before) > 0


def _count_heaps(report: Path) -> int:
    return report.read_text().count("<heap nr=")
