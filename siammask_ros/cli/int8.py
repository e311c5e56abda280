"""``siammask export --format int8``: quantizes the network and compares it with fp32."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.errors import DataError, EngineError

if TYPE_CHECKING:
    from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
    from siammask_ros.evaluation.precisions import PrecisionResult

_CALIBRATION_CROPS = 96


def add_to(export: argparse.ArgumentParser) -> None:
    """Add the options of int8 to the command."""
    group = export.add_argument_group("int8")
    group.add_argument(
        "--calibration-images",
        type=Path,
        metavar="FOLDER",
        help="images like those of the robot's camera; default: a few in the package",
    )
    group.add_argument(
        "--davis",
        type=Path,
        metavar="ROOT",
        help="DAVIS layout with sequences to compare on; default: $SIAMMASK_DATA/eval/davis2016",
    )


def run(options: argparse.Namespace) -> int:
    """Quantize the weights, compare with fp32, and print whether precision auto will use int8."""
    missing = [name for name in ("nncf", "openvino") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(f"int8 is not installed; run: pip install {' '.join(missing)}")
    from siammask_ros.engines.int8 import Int8About, Int8Form
    from siammask_ros.engines.nncf_int8 import quantise
    from siammask_ros.engines.openvino_rt import RUNTIME
    from siammask_ros.evaluation.calibration import SHIPPED, make_crop_pairs, read_images
    from siammask_ros.model.checkpoint import load_network
    from siammask_ros.weights_cache.cache import locate_checkpoint

    images = read_images(options.calibration_images or SHIPPED)
    sequences = _sequences(options)
    path, expected = locate_checkpoint(options.checkpoint, options.model)
    network, sha256 = load_network(path, options.model, expected)
    form = Int8Form.of(sha256)
    print(f"calibrating on {_CALIBRATION_CROPS} crops of {len(images)} images …", flush=True)
    pairs = make_crop_pairs(images, network.variant, _CALIBRATION_CROPS)

    def describe(measured: dict[str, PrecisionResult]) -> Int8About:
        return Int8About(
            model=network.variant.name,
            weights_sha256=sha256,
            runtime=RUNTIME,
            images=len(images),
            measured_on=", ".join(sequence.name for sequence in sequences) if measured else "",
            mean_j={name: result.mean_j for name, result in measured.items()},
            box_iou={name: result.mean_box_iou for name, result in measured.items()},
            step_ms={name: result.median_ms for name, result in measured.items()},
        )

    with form.new_model(describe({})) as model_path:
        quantise(network, pairs, model_path)
    # The model exists without its measurements, so that it can be opened to be measured.
    if sequences:
        measured = _compare_with_fp32(options, sequences)
        form.note(describe(measured))
        print(_table(measured))
    is_good, why = form.about().assess()
    print(f"precision auto will {'use' if is_good else 'not use'} it: {why}")
    print(f"wrote {form.folder}")
    return 0


def _sequences(options: argparse.Namespace) -> list[DavisSequence]:
    from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
    from siammask_ros.training.datasets import data_root

    if options.davis:
        return davis_sequences(options.davis, 2016)
    try:
        return davis_sequences(data_root() / "eval" / "davis2016", 2016)
    except DataError as error:
        print(f"accuracy cannot be measured: {error}")
        return []


def _compare_with_fp32(
    options: argparse.Namespace, sequences: list[DavisSequence]
) -> dict[str, PrecisionResult]:
    """Compare int8 with fp32, and with bf16 if this CPU has it, on the same frames."""
    from tqdm import tqdm

    from siammask_ros.cli import options as shared
    from siammask_ros.engines.openvino_rt import has_native_bf16
    from siammask_ros.evaluation.precisions import compare_precisions

    trackers = {}
    for precision in ("fp32", *(["bf16"] if has_native_bf16() else []), "int8"):
        network: dict[str, Any] = {
            "model": options.model,
            "checkpoint": options.checkpoint,
            "engine": "openvino",
            "device": "cpu",
            "precision": precision,
            "threads": 0,
            "tracker_preset": "",
        }
        trackers[precision] = shared.open_tracker(argparse.Namespace(**network))
    frames = sum(len(sequence.image_paths) - 1 for sequence in sequences)
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        return compare_precisions(trackers, sequences, bar.update)


def _table(measured: dict[str, PrecisionResult]) -> str:
    lines = [f"{'precision':<9}  {'mean J':>6}  {'box IoU':>7}  {'step, median ms':>15}"]
    lines += [
        f"{name:<9}  {result.mean_j:6.3f}  {result.mean_box_iou:7.3f}  {result.median_ms:15.1f}"
        for name, result in measured.items()
    ]
    return "\n".join(lines)
