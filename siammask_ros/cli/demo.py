"""``siammask demo``: plays a video over ROS 2 and tracks a target in it with the node."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from siammask_ros.cli.options import add_network, parse_box
from siammask_ros.errors import ConfigError


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    demo = commands.add_parser("demo", help="play a video over ROS 2 and track a target in it")
    demo.add_argument("--video", metavar="SOURCE", help="video or folder of images")
    demo.add_argument("--box", metavar="X,Y,W,H", help="box around the target in the first frame")
    demo.add_argument(
        "--dashboard",
        action="store_true",
        help="play the video in a loop; draw the box on a page in the browser",
    )
    demo.add_argument("--out", type=Path, default=Path("out"), help="folder for the results")
    add_network(demo)
    demo.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("rclpy") is None:
        raise ConfigError(
            "the demo needs ROS 2, but rclpy cannot be imported; run 'make demo' in the source "
            "tree, or source a ROS 2 installation. 'siammask track' works without ROS 2"
        )
    from siammask_ros.demo.dashboard import run_dashboard
    from siammask_ros.demo.demo import run_demo

    network = {
        name: getattr(options, name)
        for name in ("model", "checkpoint", "engine", "device", "precision", "threads")
    }
    box = parse_box(options.box) if options.box else None
    if options.dashboard:
        return run_dashboard(options.video, box, options.out, network)
    return run_demo(options.video, box, options.out, network)
