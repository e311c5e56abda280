"""How long the tracker node takes from the start of its process to active.

`python bench/start.py [--starts 4] [parameter:=value ...]` starts the node as its installed
script does and waits for its line "active". The first start, which fills the cache, is not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# As cmake/script.py.in: what is imported stays.
SCRIPT = (
    "import gc, sys; gc.disable()\n"
    "from siammask_ros.ros.nodes.tracker import main\n"
    "gc.enable(); sys.exit(main())"
)


def start(parameters: list[str]) -> tuple[float, float]:
    """Seconds from the start of the process to active: on the clock, and of processor time."""
    options = [part for text in ("autostart:=true", *parameters) for part in ("-p", text)]
    used_before_s = _used_by_children_s()
    began_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "--ros-args", *options],
        cwd=ROOT,
        env={**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": "87"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if line.rstrip().endswith(": active"):
                took_s = time.monotonic() - began_s
                break
        else:
            raise SystemExit(f"the node did not become active:\n{''.join(said)}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return took_s, _used_by_children_s() - used_before_s


def _used_by_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints each start and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("parameters", nargs="*", metavar="name:=value")
    options = parser.parse_args()
    start(options.parameters)
    times = [start(options.parameters) for _ in range(options.starts)]
    for took_s, used_s in times:
        print(f"{took_s:.2f} s, {used_s:.2f} s of processor time")
    medians = [statistics.median(values) for values in zip(*times, strict=True)]
    print(f"median: {medians[0]:.2f} s, {medians[1]:.2f} s of processor time")


if __name__ == "__main__":
    main()
