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
import siammask_ros.ros.nodes.tracker

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
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has several heaps"
)
def test_c10_all_threads_of_a_node_share_one_heap(tmp_path: Path) -> None:
    report = tmp_path / "malloc.xml"
    subprocess.run([sys.executable, "-c", REPORT_HEAPS, str(report)], cwd=ROOT, check=True)
    assert report.read_text().count("<heap nr=") == 1
