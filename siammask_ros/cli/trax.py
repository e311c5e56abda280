"""``siammask trax``: a tracker for the VOT toolkit or another TraX client."""

from __future__ import annotations

import argparse
from typing import Any

from siammask_ros.cli import options as shared

# The same as trax_server.REGION_KINDS, which is not imported here: it is slow to import.
_REGIONS = ("polygon", "rectangle", "mask")


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    trax = commands.add_parser("trax", help="track for a TraX client such as the VOT toolkit")
    trax.add_argument(
        "--region",
        choices=_REGIONS,
        default="polygon",
        help="what is sent: rotated box of the mask (default), axis-aligned box, or mask",
    )
    shared.add_network(trax)
    trax.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.evaluation.benchmarks.vot.trax_server import check_client, serve

    check_client()
    # Before the client is answered: it waits for the answer, and then measures every frame.
    tracker = shared.open_tracker(options)
    serve(tracker, f"SiamMask {options.model}", options.region)
    return 0
