"""Measures how many pairs per second this machine makes and trains, and the parts of a step."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace

import torch
from torch.profiler import ProfilerActivity, profile

from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.loop import Batch, Training
from siammask_ros.training.pairs import PairDataset, PairSampler
from siammask_ros.training.sources import load_clips

# As ``Training.train_step`` names them.
PARTS = ("template and search", "masks", "backward", "optimizer", "running average")
_WARM_UP_STEPS = 2


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """Pairs a second of one form of the training, and milliseconds of a step by part."""

    form: str
    pairs_per_s: float
    part_ms: dict[str, float]


def measure_training(config: TrainingConfig, steps: int = 8) -> tuple[float, list[TrainingSpeed]]:
    """Pairs that one process draws a second, and the speed of the step in both forms.

    "layer by layer" is the network as it is written; "optimized" is what a training runs:
    channels_last, frozen norms folded. Both train the same pairs in turns, as they are at the end
    of the configuration's steps. Nothing is written to the configuration's ``out`` folder. Raises
    what loading the data and weights raises.
    """
    clips = load_clips(config.sources, config.holdout)
    dataset = PairDataset(PairSampler(clips, config.pairs, config.seed), config.batch)
    started = time.perf_counter()
    items = [dataset[index] for index in range(config.batch)]
    drawn_per_s = config.batch / (time.perf_counter() - started)
    batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
    with tempfile.TemporaryDirectory() as folder:
        short = replace(config, out=folder, validation_pairs=0)
        forms = {
            form: Training(short, resume=False, is_optimized=is_optimized)
            for form, is_optimized in (("layer by layer", False), ("optimized", True))
        }
        for training in forms.values():
            training.step = config.steps - 1
            for _ in range(_WARM_UP_STEPS):
                training.train_step(batch)
        taken = _time_in_turns(forms, batch, steps)
        speeds = [
            TrainingSpeed(form, config.batch / taken[form], _parts(training, batch))
            for form, training in forms.items()
        ]
    return drawn_per_s, speeds


def speed_table(drawn_per_s: float, speeds: list[TrainingSpeed]) -> str:
    """Pairs a second, the ratio to the first form, and each part's time and share."""
    lines = [f"pairs drawn a second by one process: {drawn_per_s:.1f}"]
    for speed in speeds:
        ratio = speed.pairs_per_s / speeds[0].pairs_per_s
        lines.append(
            f"pairs trained a second, {speed.form}: {speed.pairs_per_s:.1f} ({ratio:.2f} times)"
        )
        total = sum(speed.part_ms.values())
        lines += [
            f"  {part:22}{ms:8.0f} ms  {ms / total:6.1%}" for part, ms in speed.part_ms.items()
        ]
    return "\n".join(lines)


def _time_in_turns(forms: dict[str, Training], batch: Batch, steps: int) -> dict[str, float]:
    """Median seconds of a step: the forms take turns, so that other load meets both."""
    taken: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(steps):
        for form, training in forms.items():
            started = time.perf_counter()
            training.train_step(batch)
            _wait(training)
            taken[form].append(time.perf_counter() - started)
    return {form: sorted(times)[len(times) // 2] for form, times in taken.items()}


def _parts(training: Training, batch: Batch) -> dict[str, float]:
    """Milliseconds of one step by part; ``other`` is what no part names: losses, labels, copies."""
    on_gpu = training.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        started = time.perf_counter()
        training.train_step(batch)
        _wait(training)
        whole_ms = (time.perf_counter() - started) * 1e3
    found = {row.key: row for row in profiler.key_averages()}
    times = {
        part: (found[part].device_time_total if on_gpu else found[part].cpu_time_total) / 1e3
        for part in PARTS
        if part in found
    }
    return {**times, "other": max(whole_ms - sum(times.values()), 0.0)}


def _wait(training: Training) -> None:
    if training.device.type == "cuda":
        torch.cuda.synchronize(training.device)
