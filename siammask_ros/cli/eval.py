"""``siammask eval``: how well a network follows, measured against true masks, boxes or regions."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared

if TYPE_CHECKING:
    from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
    from siammask_ros.evaluation.benchmarks.followers import Follower
    from siammask_ros.evaluation.benchmarks.masked_video import MaskedVideo
    from siammask_ros.evaluation.metrics.overlap import Polygon
    from siammask_ros.tracker.tracker import Tracker

_BOX_ROOT = "the folder that holds a folder for each sequence, with groundtruth.txt and pictures"


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    evaluate = commands.add_parser("eval", help="measure against true masks or boxes")
    kinds = evaluate.add_subparsers(title="benchmarks", required=True, metavar="BENCHMARK")
    _add_davis(kinds)
    _add_box(kinds)
    _add_vot(kinds)
    _add_confidence(kinds)
    _add_disappearance(kinds)


def _add_davis(kinds: Any) -> None:
    davis = kinds.add_parser("davis", help="J and F on sequences in DAVIS's layout")
    davis.add_argument("root", type=Path, help="the folder that holds JPEGImages and Annotations")
    davis.add_argument(
        "--year",
        type=int,
        choices=(2016, 2017),
        default=2016,
        help="2016: one target a sequence; 2017: every object its own",
    )
    _add_common(davis, "out/eval")
    davis.set_defaults(run=_davis)


def _add_box(kinds: Any) -> None:
    box = kinds.add_parser("box", help="success and precision of boxes, in one pass, as OTB")
    box.add_argument("root", type=Path, help=_BOX_ROOT)
    box.add_argument("--peer", choices=("nano",), help="measure OpenCV's TrackerNano, too")
    box.add_argument(
        "--peer-weights",
        type=Path,
        metavar="FOLDER",
        help="where NanoTrack's files are; default: weights/ in $SIAMMASK_DATA",
    )
    _add_kind(box)
    _add_common(box, "out/eval_box")
    box.set_defaults(run=_box)


def _add_vot(kinds: Any) -> None:
    vot = kinds.add_parser("vot", help="A, R and EAO with restarts, as VOT2015 to 2019")
    vot.add_argument("root", type=Path, help=_BOX_ROOT)
    vot.add_argument(
        "--lengths",
        type=_lengths,
        metavar="LOW,HIGH",
        help="frames over which the EAO is taken; default: VOT2018's 100,356",
    )
    vot.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="track nothing; judge the results in FOLDER/baseline",
    )
    _add_kind(vot)
    _add_common(vot, "out/eval_vot")
    vot.set_defaults(run=_vot)


def _add_confidence(kinds: Any) -> None:
    confidence = kinds.add_parser(
        "confidence", help="whether the score predicts failure, on a training's held-back videos"
    )
    confidence.add_argument("config", type=Path, help="the training's configuration")
    confidence.add_argument(
        "--davis",
        type=Path,
        metavar="ROOT",
        help="take the sequences of this folder in DAVIS's layout, not the held-back videos",
    )
    confidence.add_argument(
        "--out", type=Path, default=Path("out/eval_confidence"), help="where the results go"
    )
    shared.add_network(confidence)
    confidence.set_defaults(run=_confidence)


def _add_disappearance(kinds: Any) -> None:
    disappearance = kinds.add_parser(
        "disappearance",
        help="whether LOST is said when the target goes, and only the target taken back",
    )
    disappearance.add_argument("config", type=Path, help="the training's configuration")
    disappearance.add_argument(
        "--davis",
        type=Path,
        metavar="ROOT",
        help="take the sequences of this folder in DAVIS's layout, not the held-back videos",
    )
    disappearance.add_argument(
        "--starts", type=int, default=8, help="from how many frames of a video it begins (8)"
    )
    disappearance.add_argument(
        "--out", type=Path, default=Path("out/eval_disappearance"), help="where the results go"
    )
    shared.add_network(disappearance)
    disappearance.set_defaults(run=_disappearance)


def _add_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--box",
        choices=("mask", "head"),
        default="mask",
        help="what is judged: the mask's rotated box (default) or the box head's upright one",
    )


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--sequences", default="", metavar="A,B", help="only these")
    parser.add_argument("--out", type=Path, default=Path(out), help="where the results go")
    shared.add_network(parser)


def _lengths(text: str) -> tuple[int, int]:
    low, high = (int(part) for part in text.split(","))
    if not 2 <= low <= high:
        raise ValueError(text)
    return low, high


def _names(options: argparse.Namespace) -> list[str]:
    return [name for name in options.sequences.split(",") if name]


def _made_with(tracker: Tracker) -> dict[str, Any]:
    return {"engine": asdict(tracker.engine.info), "settings": asdict(tracker.config)}


def _davis(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
    from siammask_ros.evaluation.benchmarks.davis.report import table, write_report
    from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences

    sequences = davis_sequences(options.root, options.year, _names(options))
    tracker = shared.open_tracker(options)
    results = []
    frames = sum(len(sequence.image_paths) for sequence in sequences)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for sequence in sequences:
            bar.set_description(sequence.name)
            results += evaluate_sequence(tracker, sequence, options.out / "masks", bar.update)
    made_with = {"year": options.year, **_made_with(tracker)}
    print(table(results))
    shared.say_written(write_report(options.out, sequences, results, made_with))
    return 0


def _box(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.box.measuring import evaluate_boxes
    from siammask_ros.evaluation.benchmarks.box.report import table, write_report
    from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences
    from siammask_ros.evaluation.benchmarks.followers import TrackerFollower

    sequences = box_sequences(options.root, _names(options))
    peers = [_nano(options)] if options.peer else []
    tracker = shared.open_tracker(options)
    followers: list[Follower] = [TrackerFollower(tracker, options.model, options.box), *peers]
    results = []
    frames = sum(len(sequence.image_paths) for sequence in sequences) * len(followers)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for follower in followers:
            for sequence in sequences:
                bar.set_description(f"{follower.name} {sequence.name}")
                results.append(evaluate_boxes(follower, sequence, bar.update))
    made_with = {"box": options.box, **_made_with(tracker)}
    print(table(results))
    shared.say_written(write_report(options.out, sequences, results, made_with))
    return 0


def _nano(options: argparse.Namespace) -> Follower:
    from siammask_ros.evaluation.benchmarks.followers import NANO_FILES, NanoFollower
    from siammask_ros.training.datasets import data_root

    folder = options.peer_weights or data_root() / "weights"
    return NanoFollower(*(folder / name for name in NANO_FILES))


def _vot(options: argparse.Namespace) -> int:
    from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences
    from siammask_ros.evaluation.benchmarks.vot.measuring import (
        VOT2018_LENGTHS,
        evaluate_trajectory,
        score,
    )
    from siammask_ros.evaluation.benchmarks.vot.report import table, write_report
    from siammask_ros.evaluation.benchmarks.vot.trajectory_files import read_trajectory, result_path

    sequences = box_sequences(options.root, _names(options))
    if options.results:
        folder, made_with = options.results, {"results": str(options.results)}
    else:
        folder = options.out / "results" / options.model
        made_with = _write_trajectories(options, sequences, folder)
    results = []
    for sequence in sequences:
        trajectory: list[Polygon | int] = read_trajectory(result_path(folder, sequence.name))
        height, width = sequence.image(0).shape[:2]
        results.append(evaluate_trajectory(sequence, trajectory, (height, width)))
    total = score(results, options.lengths or VOT2018_LENGTHS)
    print(table(results, total))
    shared.say_written(write_report(options.out, sequences, results, total, made_with))
    return 0


def _write_trajectories(
    options: argparse.Namespace, sequences: list[BoxSequence], folder: Path
) -> dict[str, Any]:
    """Follows the target of every sequence, writes the result files, says with what."""
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.followers import TrackerFollower
    from siammask_ros.evaluation.benchmarks.vot.measuring import follow_with_restarts
    from siammask_ros.evaluation.benchmarks.vot.trajectory_files import (
        result_path,
        write_trajectory,
    )

    tracker = shared.open_tracker(options)
    follower = TrackerFollower(tracker, options.model, options.box)
    frames = sum(len(sequence.image_paths) for sequence in sequences)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for sequence in sequences:
            bar.set_description(sequence.name)
            trajectory = follow_with_restarts(follower, sequence, bar.update)
            write_trajectory(result_path(folder, sequence.name), trajectory)
    return {"box": options.box, **_made_with(tracker)}


def _confidence(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.confidence.measuring import measure_scores
    from siammask_ros.evaluation.benchmarks.confidence.report import (
        states_table,
        table,
        write_report,
    )
    from siammask_ros.evaluation.benchmarks.confidence.tracked_states import track_states

    videos = _masked_videos(options)
    tracker = shared.open_tracker(options)
    frames = sum(len(video) - 1 for video in videos)
    with tqdm(total=2 * frames, unit="frame", disable=None) as bar:
        tracked = track_states(tracker, videos, bar.update)
        found = measure_scores(tracker, videos, bar.update)
    made_with = {"videos": [video.name for video in videos], **_made_with(tracker)}
    print("Videos tracked to their end:")
    print(states_table(tracked))
    print("\nMade disappearances, the search where the target was:")
    print(table(found, tracker.config))
    shared.say_written(write_report(options.out, found, tracked, tracker.config, made_with))
    return 0


def _masked_videos(options: argparse.Namespace) -> list[MaskedVideo]:
    """The sequences of ``--davis``, else the videos that the training held back."""
    from siammask_ros.cli.validation_split import validation_videos
    from siammask_ros.evaluation.benchmarks.davis.sequences import DavisVideo, davis_sequences

    if options.davis:
        return [DavisVideo(sequence) for sequence in davis_sequences(options.davis, 2016)]
    return list(validation_videos(options.config))


def _disappearance(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.disappearance.measuring import evaluate_disappearance
    from siammask_ros.evaluation.benchmarks.disappearance.report import table, write_report
    from siammask_ros.evaluation.benchmarks.disappearance.sequences import make_disappearances

    videos = _masked_videos(options)
    planned = make_disappearances(videos, options.starts)
    tracker = shared.open_tracker(options)
    found = []
    with tqdm(total=sum(map(len, planned)), unit="frame", disable=None) as bar:
        for sequence in planned:
            bar.set_description(f"{sequence.video.name}, {sequence.way}")
            found.append(evaluate_disappearance(tracker, sequence, bar.update))
    made_with = {"videos": [video.name for video in videos], **_made_with(tracker)}
    print(table(found))
    shared.say_written(write_report(options.out, found, made_with))
    return 0
