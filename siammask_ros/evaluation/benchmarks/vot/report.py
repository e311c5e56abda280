"""The report of the VOT benchmark: a table, JSON and the curve of the expected overlap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
from siammask_ros.evaluation.benchmarks.vot.measuring import VotResult, VotScore
from siammask_ros.media.plots import Curves, plot_curves
from siammask_ros.media.recording import plain


def table(results: Sequence[VotResult], score: VotScore) -> str:
    """Accuracy and robustness of every sequence and of all, and the EAO, as text."""
    width = max(len(name) for name in (*(result.sequence for result in results), "sequence"))
    lines = [f"{'sequence':{width}}  frames       A  failures  per 100 frames     EAO"]
    lines += [
        f"{result.sequence:{width}}  {len(result.overlaps):6}  {_number(result.accuracy)}  "
        f"{len(result.failures):8}  {result.failures_per_100_frames:14.3f}"
        for result in results
    ]
    frames = sum(len(result.overlaps) for result in results)
    failures = f"{score.failures_per_sequence:.2f} each"
    lines.append(
        f"{'all':{width}}  {frames:6}  {_number(score.accuracy)}  {failures:>8}  "
        f"{score.failures_per_100_frames:14.3f}  {_number(score.eao)}"
    )
    shortest, longest = score.lengths
    at_hand = max(len(result.overlaps) for result in results)
    lines.append(
        f"EAO: sequences of {shortest} to {longest} frames; the longest here has {at_hand}"
    )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:6.3f}" if math.isfinite(value) else f"{'–':>6}"


def write_report(
    folder: Path,
    sequences: Sequence[BoxSequence],
    results: Sequence[VotResult],
    score: VotScore,
    made_with: Mapping[str, Any],
) -> list[Path]:
    """Write summary.json and expected_overlap.png to ``folder``; returns the two files.

    ``made_with`` (engine, parameters) is added to the JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary, plot = folder / "summary.json", folder / "expected_overlap.png"
    summary.write_text(
        json.dumps(_summary(sequences, results, score, made_with), indent=1), encoding="utf-8"
    )
    frames = np.arange(1, len(score.expected_overlap) + 1)
    name = f"EAO {_number(score.eao).strip()}"
    title = "Expected overlap by the length of a sequence"
    curve = Curves(title, "frames", frames, {name: score.expected_overlap}, marked=score.lengths)
    plot_curves(plot, [curve])
    return [summary, plot]


def _summary(
    sequences: Sequence[BoxSequence],
    results: Sequence[VotResult],
    score: VotScore,
    made_with: Mapping[str, Any],
) -> Any:
    rows = [
        {
            "name": result.sequence,
            "accuracy": result.accuracy,
            "failures": result.failures,
            "failures_per_100_frames": result.failures_per_100_frames,
            "starts": result.starts,
            "file_by_frame": [path.name for path in sequence.image_paths],
            "overlap_by_frame": result.overlaps,
        }
        for sequence, result in zip(sequences, results, strict=True)
    ]
    return plain(
        {
            "accuracy": score.accuracy,
            "failures_per_sequence": score.failures_per_sequence,
            "failures_per_100_frames": score.failures_per_100_frames,
            "eao": score.eao,
            "eao_lengths": score.lengths,
            "expected_overlap": score.expected_overlap,
            "sequences": rows,
            "made_with": made_with,
        }
    )
