"""``siammask eval confidence`` and ``disappearance``: measure how reliable score and state are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.cli.validation_split import ValidationSplit, read_validation_split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo

# 20 validation objects give more than 200 disappearances.
_STARTS = 3


def add_to(benchmarks: Any) -> None:
    """Add both benchmarks to the command."""
    confidence = benchmarks.add_parser(
        "confidence", help="whether score and state tell when the mask is wrong"
    )
    _add_videos(confidence, "out/eval_confidence")
    confidence.set_defaults(run=_confidence)
    disappearance = benchmarks.add_parser(
        "disappearance",
        help="whether LOST is reported, and the right target found again",
    )
    disappearance.add_argument(
        "--starts",
        type=int,
        default=_STARTS,
        help=f"frames of each video from which the test starts; default: {_STARTS}",
    )
    _add_videos(disappearance, "out/eval_disappearance")
    disappearance.set_defaults(run=_disappearance)


def _add_videos(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        "config", type=Path, help="configuration of a training; its validation videos are used"
    )
    parser.add_argument(
        "--davis",
        type=Path,
        metavar="ROOT",
        help="use the sequences of this folder in the DAVIS layout, not the validation videos",
    )
    parser.add_argument("--out", type=Path, default=Path(out), help="folder for the results")
    shared.add_network(parser)


def _read_videos(options: argparse.Namespace) -> tuple[Sequence[MaskedVideo], ValidationSplit]:
    """Return the videos to track, and the data of the training."""
    from siammask_ros.evaluation.benchmarks.davis.sequences import DavisVideo, davis_sequences

    split = read_validation_split(options.config)
    if not options.davis:
        return split.videos, split
    return [DavisVideo(sequence) for sequence in davis_sequences(options.davis, 2016)], split


def _confidence(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.confidence import report
    from siammask_ros.evaluation.benchmarks.confidence.kinds import (
        find_kinds,
        kind_figures,
        kinds_table,
    )
    from siammask_ros.evaluation.benchmarks.confidence.measuring import measure_scores
    from siammask_ros.evaluation.benchmarks.confidence.tracked_states import track_states

    videos, _ = _read_videos(options)
    tracker = shared.open_tracker(options)
    frames = sum(len(video) - 1 for video in videos)
    with tqdm(total=2 * frames, unit="frame", disable=None) as bar:
        tracked = track_states(tracker, videos, bar.update)
        found = measure_scores(tracker, videos, bar.update)
    kinds = kind_figures(tracked, find_kinds(videos))
    made_with = {"videos": [video.name for video in videos], **shared.describe_tracker(tracker)}
    print("Videos tracked to the end:")
    print(report.states_table(tracked))
    print("\nThe same by kinds of objects:")
    print(kinds_table(kinds))
    print("\nSimulated disappearances, with the search where the target was:")
    print(report.table(found, tracker.config))
    written = report.write_report(options.out, found, tracked, kinds, tracker.config, made_with)
    shared.print_written(written)
    return 0


def _disappearance(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.disappearance.measuring import evaluate_disappearance
    from siammask_ros.evaluation.benchmarks.disappearance.report import table, write_report
    from siammask_ros.evaluation.benchmarks.disappearance.sequences import make_disappearances

    videos, split = _read_videos(options)
    sequences = make_disappearances(videos, options.starts, split.stills_by_class)
    tracker = shared.open_tracker(options)
    found = []
    with tqdm(total=sum(map(len, sequences)), unit="frame", disable=None) as bar:
        for sequence in sequences:
            bar.set_description(f"{sequence.video.name}, {sequence.way}")
            found.append(evaluate_disappearance(tracker, sequence, bar.update))
    made_with = {"videos": [video.name for video in videos], **shared.describe_tracker(tracker)}
    print(table(found))
    shared.print_written(write_report(options.out, found, made_with))
    return 0
