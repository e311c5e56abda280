"""``siammask tune``: finds the tracker parameters that are best on the validation videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.cli.validation_split import read_validation_split
from siammask_ros.errors import ConfigError

if TYPE_CHECKING:
    from siammask_ros.evaluation.tuning import Trial


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    tune = commands.add_parser(
        "tune", help="find the tracker parameters that are best on the validation videos"
    )
    tune.add_argument(
        "config", type=Path, help="configuration of a training; its validation videos are used"
    )
    tune.add_argument("--parameters", default="", metavar="A,B", help="tune only these parameters")
    tune.add_argument(
        "--trials", type=int, default=40, help="maximum number of trials; default: 40"
    )
    tune.add_argument("--out", type=Path, default=Path("out/tune"), help="folder for the results")
    shared.add_network(tune)
    tune.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.tuning import (
        STEPS,
        Trial,
        evaluate_settings,
        find_best_trial,
        hill_climb,
    )
    from siammask_ros.media.plots import Curves, plot_curves
    from siammask_ros.tracker.config import TrackerConfig
    from siammask_ros.tracker.tracker import Tracker

    names = [name for name in options.parameters.split(",") if name] or list(STEPS)
    for name in names:
        if name not in STEPS:
            raise ConfigError(f"{name!r} cannot be tuned; expected some of: {', '.join(STEPS)}")
    videos = read_validation_split(options.config).videos
    first = shared.open_tracker(options)
    frames = sum(len(video) - 1 for video in videos)
    with tqdm(total=options.trials * frames, unit="frame", disable=None) as bar:

        def try_out(settings: TrackerConfig, changed: str) -> Trial:
            j = evaluate_settings(Tracker(first.engine, settings), videos, bar.update)
            return Trial(settings, changed, j)

        trials = hill_climb(try_out, first.config, names, options.trials)
    best = find_best_trial(trials)
    print(_table(trials, best, [video.name for video in videos], names))
    options.out.mkdir(parents=True, exist_ok=True)
    summary, plot = options.out / "trials.json", options.out / "trials.png"
    summary.write_text(_json(trials, best, [video.name for video in videos], first))
    by_video = {
        video.name: [trial.j[number] for trial in trials] for number, video in enumerate(videos)
    }
    by_video["mean"] = [trial.mean_j for trial in trials]
    plot_curves(plot, [Curves("J by trial", "trial", range(len(trials)), by_video)])
    shared.print_written([summary, plot])
    return 0


def _table(
    trials: Sequence[Trial], best: Trial, videos: Sequence[str], names: Sequence[str]
) -> str:
    width = max(len(name) for name in names)
    lines = [f"{'changed':<{width}}  {'to':>6}  {'mean J':>6}  " + "  ".join(videos)]
    for trial in trials:
        value = f"{getattr(trial.settings, trial.changed):6.2f}" if trial.changed else f"{'':6}"
        each = "  ".join(f"{j:{len(name)}.3f}" for j, name in zip(trial.j, videos, strict=True))
        mark = "  best" if trial is best else ""
        lines.append(f"{trial.changed:<{width}}  {value}  {trial.mean_j:6.3f}  {each}{mark}")
    found = ", ".join(f"{name} {getattr(best.settings, name):g}" for name in names)
    gain = best.mean_j - trials[0].mean_j
    return "\n".join([*lines, f"best: {found}; {gain:+.3f} mean J against the start"])


def _json(trials: Sequence[Trial], best: Trial, videos: Sequence[str], tracker: Any) -> str:
    content = {
        "engine": asdict(tracker.engine.info),
        "videos": list(videos),
        "best": asdict(best.settings),
        "trials": [
            {"changed": trial.changed, "settings": asdict(trial.settings), "j": trial.j}
            for trial in trials
        ],
    }
    return json.dumps(content, indent=1) + "\n"
