"""What several commands share: the options of the network, boxes as text, the written files."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from siammask_ros.errors import BoxError

if TYPE_CHECKING:
    from siammask_ros.tracker.tracker import Tracker


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the network and what runs it; ``open_tracker`` reads them."""
    group = parser.add_argument_group("network")
    group.add_argument("--model", default="lite", help="network: lite (default) or resnet50")
    group.add_argument(
        "--checkpoint", default="", help="file or name of weights; default: the ones in the package"
    )
    group.add_argument(
        "--engine", default="auto", help="auto (default), eager, compiled, openvino, onnxruntime"
    )
    group.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N")
    group.add_argument("--precision", default="auto", help="auto (default), fp32, fp16, bf16, int8")
    group.add_argument(
        "--threads", type=int, default=0, help="CPU threads; 0 (default): as many as are useful"
    )
    group.add_argument(
        "--tracker-preset", default="", help="set of tracker parameters; default: that of the model"
    )


def open_tracker(options: argparse.Namespace) -> Tracker:
    """Return the tracker that the options describe."""
    from siammask_ros.engines.registry import EngineConfig, open_engine
    from siammask_ros.tracker.config import find_preset, preset_of_model
    from siammask_ros.tracker.tracker import Tracker

    settings = find_preset(options.tracker_preset or preset_of_model(options.model))
    config = EngineConfig(
        model=options.model,
        checkpoint=options.checkpoint,
        device=options.device,
        engine=options.engine,
        precision=options.precision,
        threads=options.threads,
    )
    return Tracker(open_engine(config), settings)


def describe_tracker(tracker: Tracker) -> dict[str, Any]:
    """Return the engine and the parameters of a tracker, for a report."""
    return {"engine": asdict(tracker.engine.info), "settings": asdict(tracker.config)}


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Return left, top, width, height from ``x,y,w,h``; raises BoxError for anything else."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise BoxError(f"box {text!r} cannot be read; expected x,y,w,h in pixels") from None
    if width < 0 or height < 0:
        raise BoxError(
            f"box {text!r} has a negative width or height; expected x,y,w,h, where x,y is the "
            "upper left corner"
        )
    return x, y, width, height


def print_written(paths: Iterable[Path], file: TextIO | None = None) -> None:
    """Print a line for each file that a command wrote, to ``file`` or the standard output."""
    for path in paths:
        print(f"wrote {path}", file=file)
