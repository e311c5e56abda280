"""``siammask eval``: measures how well a network tracks, against ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import eval_states
from siammask_ros.cli import options as shared

if TYPE_CHECKING:
    from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
    from siammask_ros.evaluation.benchmarks.box_trackers import BoxTracker
    from siammask_ros.evaluation.metrics.overlap import Polygon

_BOX_ROOT = "folder with one folder per sequence, which contains groundtruth.txt and the images"


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    evaluate = commands.add_parser(
        "eval", help="measure how well a network tracks, against ground truth"
    )
    benchmarks = evaluate.add_subparsers(title="benchmarks", required=True, metavar="BENCHMARK")
    _add_davis(benchmarks)
    _add_box(benchmarks)
    _add_vot(benchmarks)
    eval_states.add_to(benchmarks)


def _add_davis(benchmarks: Any) -> None:
    davis = benchmarks.add_parser(
        "davis", help="J and F of the masks, on sequences in the DAVIS layout"
    )
    davis.add_argument("root", type=Path, help="folder that contains JPEGImages and Annotations")
    davis.add_argument(
        "--year",
        type=int,
        choices=(2016, 2017),
        default=2016,
        help="2016: one target per sequence (default); 2017: every object is a target",
    )
    _add_common(davis, "out/eval")
    davis.set_defaults(run=_davis)


def _add_box(benchmarks: Any) -> None:
    box = benchmarks.add_parser(
        "box", help="success and precision of the boxes without restarts, as in OTB"
    )
    box.add_argument("root", type=Path, help=_BOX_ROOT)
    box.add_argument("--baseline", choices=("nano",), help="also measure OpenCV's TrackerNano")
    box.add_argument(
        "--baseline-weights",
        type=Path,
        metavar="FOLDER",
        help="folder with the two files of NanoTrack; default: weights/ in $SIAMMASK_DATA",
    )
    _add_box_option(box)
    _add_common(box, "out/eval_box")
    box.set_defaults(run=_box)


def _add_vot(benchmarks: Any) -> None:
    vot = benchmarks.add_parser(
        "vot", help="accuracy, failures and EAO with restarts, as in VOT2015 to VOT2019"
    )
    vot.add_argument("root", type=Path, help=_BOX_ROOT)
    vot.add_argument(
        "--lengths",
        type=_parse_lengths,
        metavar="LOW,HIGH",
        help="the EAO is the mean over these sequence lengths; default: 100,356 (VOT2018)",
    )
    vot.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="do not track; evaluate the result files in FOLDER/baseline",
    )
    _add_box_option(vot)
    _add_common(vot, "out/eval_vot")
    vot.set_defaults(run=_vot)


def _add_box_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--box-from",
        choices=("mask", "head"),
        default="mask",
        help="which box is evaluated: around the mask (default), or of the box head",
    )


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--sequences", default="", metavar="A,B", help="use only these sequences")
    parser.add_argument("--out", type=Path, default=Path(out), help="folder for the results")
    shared.add_network(parser)


def _parse_lengths(text: str) -> tuple[int, int]:
    low, high = (int(part) for part in text.split(","))
    if not 2 <= low <= high:
        raise ValueError(text)
    return low, high


def _parse_names(options: argparse.Namespace) -> list[str]:
    return [name for name in options.sequences.split(",") if name]


def _davis(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
    from siammask_ros.evaluation.benchmarks.davis.report import table, write_report
    from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences

    sequences = davis_sequences(options.root, options.year, _parse_names(options))
    tracker = shared.open_tracker(options)
    results = []
    frames = sum(len(sequence.image_paths) for sequence in sequences)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for sequence in sequences:
            bar.set_description(sequence.name)
            results += evaluate_sequence(tracker, sequence, options.out / "masks", bar.update)
    made_with = {"year": options.year, **shared.describe_tracker(tracker)}
    print(table(results))
    shared.print_written(write_report(options.out, sequences, results, made_with))
    return 0


def _box(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.box.measuring import evaluate_boxes
    from siammask_ros.evaluation.benchmarks.box.report import table, write_report
    from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences
    from siammask_ros.evaluation.benchmarks.box_trackers import SiamMaskBoxTracker

    sequences = box_sequences(options.root, _parse_names(options))
    baselines = [_nano(options)] if options.baseline else []
    tracker = shared.open_tracker(options)
    box_trackers: list[BoxTracker] = [
        SiamMaskBoxTracker(tracker, options.model, options.box_from),
        *baselines,
    ]
    results = []
    frames = sum(len(sequence.image_paths) for sequence in sequences) * len(box_trackers)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for box_tracker in box_trackers:
            for sequence in sequences:
                bar.set_description(f"{box_tracker.name} {sequence.name}")
                results.append(evaluate_boxes(box_tracker, sequence, bar.update))
    made_with = {"box": options.box_from, **shared.describe_tracker(tracker)}
    print(table(results))
    shared.print_written(write_report(options.out, sequences, results, made_with))
    return 0


def _nano(options: argparse.Namespace) -> BoxTracker:
    from siammask_ros.evaluation.benchmarks.box_trackers import NANO_FILES, NanoBoxTracker
    from siammask_ros.training.datasets import data_root

    folder = options.baseline_weights or data_root() / "weights"
    return NanoBoxTracker(*(folder / name for name in NANO_FILES))


def _vot(options: argparse.Namespace) -> int:
    from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences
    from siammask_ros.evaluation.benchmarks.vot.measuring import (
        VOT2018_LENGTHS,
        evaluate_trajectory,
        score,
    )
    from siammask_ros.evaluation.benchmarks.vot.report import table, write_report
    from siammask_ros.evaluation.benchmarks.vot.trajectory_files import read_trajectory, result_path

    sequences = box_sequences(options.root, _parse_names(options))
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
    shared.print_written(write_report(options.out, sequences, results, total, made_with))
    return 0


def _write_trajectories(
    options: argparse.Namespace, sequences: list[BoxSequence], folder: Path
) -> dict[str, Any]:
    """Track the target of every sequence and write the result files; return what was used."""
    from tqdm import tqdm

    from siammask_ros.evaluation.benchmarks.box_trackers import SiamMaskBoxTracker
    from siammask_ros.evaluation.benchmarks.vot.measuring import track_with_restarts
    from siammask_ros.evaluation.benchmarks.vot.trajectory_files import (
        result_path,
        write_trajectory,
    )

    tracker = shared.open_tracker(options)
    box_tracker = SiamMaskBoxTracker(tracker, options.model, options.box_from)
    frames = sum(len(sequence.image_paths) for sequence in sequences)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        for sequence in sequences:
            bar.set_description(sequence.name)
            trajectory = track_with_restarts(box_tracker, sequence, bar.update)
            write_trajectory(result_path(folder, sequence.name), trajectory)
    return {"box": options.box_from, **shared.describe_tracker(tracker)}
