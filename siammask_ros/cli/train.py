"""``siammask train``: trains a network as a config file says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared

if TYPE_CHECKING:
    from siammask_ros.training.config import TrainingConfig


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    train = commands.add_parser("train", help="train a network as a config file says")
    train.add_argument("config", type=Path)
    train.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    train.add_argument(
        "--check", action="store_true", help="train nothing; tell and draw what would be read"
    )
    train.add_argument(
        "--speed", action="store_true", help="train nothing; tell how fast this machine trains"
    )
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.training.config import TrainingConfig

    # Before the network's libraries are loaded: a mistake is told at once.
    config = TrainingConfig.read(options.config)
    config.check_files()
    if options.check:
        return _check(config)
    if options.speed:
        return _speed(config)
    from siammask_ros.training.loop import Training

    Training(config, resume=options.resume).run()
    return 0


def _check(config: TrainingConfig) -> int:
    from siammask_ros.training.data_check import check_data

    table, pictures = check_data(config)
    print(table)
    shared.print_written(pictures)
    return 0


def _speed(config: TrainingConfig) -> int:
    from siammask_ros.training.speed import measure_training, speed_table

    print(speed_table(*measure_training(config)))
    return 0
