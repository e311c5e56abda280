"""``siammask train``: trains a network as a config file says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siammask_ros.cli import options as shared


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    train = commands.add_parser("train", help="train a network as a config file says")
    train.add_argument("config", type=Path)
    train.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    train.add_argument(
        "--check", action="store_true", help="train nothing; tell and draw what would be read"
    )
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.check:
        return _check(options)
    from siammask_ros.training.loop import train

    train(options.config, resume=options.resume)
    return 0


def _check(options: argparse.Namespace) -> int:
    from siammask_ros.training.config import TrainingConfig
    from siammask_ros.training.inspection import inspected

    table, pictures = inspected(TrainingConfig.read(options.config))
    print(table)
    shared.say_written(pictures)
    return 0
