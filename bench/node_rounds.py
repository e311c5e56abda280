"""Rounds of a tracker node with the shipped network; prints MB, threads and descriptors of each.

`python bench/node_rounds.py 20`: configure, activate, deactivate and cleanup, again and again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]
if __name__ == "__main__":
    import conftest  # noqa: F401

from siammask_ros.ros.nodes.tracker import TrackerNode  # noqa: E402, I001  before rclpy
import rclpy  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from support.node_bench import own_domain  # noqa: E402

from bench.soak import Sample  # noqa: E402


def main(rounds: int) -> None:
    """Prints what the process has after each cleanup; raises where a transition fails."""
    context = Context()
    rclpy.init(context=context, domain_id=own_domain())
    node = TrackerNode(context=context)
    for number in range(rounds):
        for transition in ("configure", "activate", "deactivate", "cleanup"):
            reached = getattr(node, f"trigger_{transition}")()
            if reached != TransitionCallbackReturn.SUCCESS:
                raise SystemExit(f"error: {transition} failed in round {number}")
        now = Sample.of(os.getpid(), 0, 0.0)
        print(now.memory_mb, now.threads, now.descriptors, flush=True)
    node.destroy_node()
    rclpy.shutdown(context=context)


if __name__ == "__main__":
    main(int(sys.argv[1]))
