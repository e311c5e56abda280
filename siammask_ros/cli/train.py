"""``siammask train``: trains a network as a config file says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    train = commands.add_parser("train", help="train a network as a config file says")
    train.add_argument("config", type=Path)
    train.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.training.loop import train

    train(options.config, resume=options.resume)
    return 0
