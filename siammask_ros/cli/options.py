"""What several commands share: the network's options, boxes as text, what was written."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from siammask_ros.errors import BoxError

if TYPE_CHECKING:
    from siammask_ros.tracker.tracker import Tracker


def add_network(parser: argparse.ArgumentParser) -> None:
    """Adds what says which network runs where; ``open_tracker`` reads it."""
    group = parser.add_argument_group("network")
    group.add_argument("--model", default="lite", help="lite (default) or resnet50")
    group.add_argument("--checkpoint", default="", help="weights; without it, those shipped")
    group.add_argument("--engine", default="auto", help="auto, eager, openvino, …")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    group.add_argument("--precision", default="auto", help="auto, fp32, fp16, bf16, int8")
    group.add_argument("--threads", type=int, default=0, help="0: as many as are useful")
    group.add_argument(
        "--tracker-preset", default="", help="tracker parameters; by default those of the model"
    )


def open_tracker(options: argparse.Namespace) -> Tracker:
    """The tracker that the network's options describe."""
    from siammask_ros.engines.registry import EngineConfig, open_engine
    from siammask_ros.tracker.config import PRESETS, find_preset
    from siammask_ros.tracker.tracker import Tracker

    # As in the node: the preset of the model, or davis if it has none.
    own = options.model if options.model in PRESETS else "davis"
    settings = find_preset(options.tracker_preset or own)
    config = EngineConfig(
        model=options.model,
        checkpoint=options.checkpoint,
        device=options.device,
        engine=options.engine,
        precision=options.precision,
        threads=options.threads,
    )
    return Tracker(open_engine(config), settings)


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Left, top, width, height from ``x,y,w,h``; raises BoxError for anything else."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise BoxError(f"box {text!r} is not understood; expected x,y,w,h in pixels") from None
    if width < 0 or height < 0:
        raise BoxError(
            f"box {text!r} has a negative width or height; expected x,y,w,h with the left upper "
            "corner first"
        )
    return x, y, width, height


def say_written(paths: Iterable[Path], file: TextIO | None = None) -> None:
    """Prints a line for each file that a command left, to ``file`` or the standard output."""
    for path in paths:
        print(f"wrote {path}", file=file)
