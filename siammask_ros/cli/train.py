"""``siammask train``: trains a network; everything is set in a configuration file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared

if TYPE_CHECKING:
    from siammask_ros.training.config import TrainingConfig


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    train = commands.add_parser("train", help="train a network")
    train.add_argument("config", type=Path, help="YAML file; examples are in config/training")
    train.add_argument(
        "--resume", action="store_true", help="continue the run in the configured out folder"
    )
    train.add_argument(
        "--check-data",
        action="store_true",
        help="do not train; print a table of the data and draw samples",
    )
    train.add_argument(
        "--measure-speed",
        action="store_true",
        help="do not train; measure how many pairs per second this machine trains",
    )
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.training.config import TrainingConfig

    # Before the libraries of the network are loaded, so that an error is reported at once.
    config = TrainingConfig.read(options.config)
    config.check_files()
    if options.check_data:
        return _check(config)
    if options.measure_speed:
        return _speed(config)
    from siammask_ros.training.loop import Training

    Training(config, resume=options.resume).run()
    return 0


def _check(config: TrainingConfig) -> int:
    from siammask_ros.training.data_check import check_data

    table, images = check_data(config)
    print(table)
    shared.print_written(images)
    return 0


def _speed(config: TrainingConfig) -> int:
    from siammask_ros.training.speed import measure_training, speed_table

    print(speed_table(*measure_training(config)))
    return 0
