"""``siammask trax``: the tracker that the VOT toolkit, or another TraX client, drives."""

from __future__ import annotations

import argparse
from typing import Any

from siammask_ros.cli import options as shared

# Those of trax_server.REGION_KINDS, which is not imported only to show the help.
_REGIONS = ("polygon", "rectangle", "mask")


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    trax = commands.add_parser("trax", help="follow for a TraX client, such as the VOT toolkit")
    trax.add_argument(
        "--region",
        choices=_REGIONS,
        default="polygon",
        help="what is told: the mask's rotated box (default), the upright one around it, the mask",
    )
    shared.add_network(trax)
    trax.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.evaluation.benchmarks.vot.trax_server import check_client, serve

    check_client()
    # Before the client is greeted: it waits for the greeting, and then times every frame.
    tracker = shared.open_tracker(options)
    serve(tracker, f"SiamMask {options.model}", options.region)
    return 0
