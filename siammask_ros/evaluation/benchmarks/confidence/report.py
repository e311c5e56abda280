"""The report of the confidence benchmark: a table, JSON and the curves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from siammask_ros.evaluation.benchmarks.confidence.kinds import KindFigures
from siammask_ros.evaluation.benchmarks.confidence.measuring import (
    ABSENT,
    FAILED_BELOW_IOU,
    SHOWN,
    THRESHOLDS,
    ScoreSample,
    fraction_above,
)
from siammask_ros.evaluation.benchmarks.confidence.tracked_states import (
    FAILED_BELOW_J,
    GOOD_FROM_J,
    StateFigures,
    TrackedFrame,
    state_figures,
)
from siammask_ros.evaluation.metrics.auroc import auroc
from siammask_ros.media.plots import Curves, plot_curves
from siammask_ros.media.recording import plain
from siammask_ros.tracker.config import TrackerConfig

_PERCENTILES = (5, 50, 95)
_STATE_HEADS = (
    "frames",
    f"J≥{GOOD_FROM_J}",
    f"J<{FAILED_BELOW_J}",
    "AUROC",
    "good LOST",
    "failed TRACKING",
    "mean J",
    "J, never LOST",
)


def table(samples: Sequence[ScoreSample], config: TrackerConfig) -> str:
    """Return as text: AUROC of the score per kind of failure, and what the thresholds separate."""
    lines = [f"{'':16}  {'samples':>6}  {'AUROC':>6}  {'p5':>5}  {'median':>6}  {'p95':>5}"]
    for name, scores, separation in _rows(samples):
        low, middle, high = np.percentile(scores, _PERCENTILES)
        shown = f"{separation:6.3f}" if separation is not None else f"{'':6}"
        lines.append(f"{name:16}  {len(scores):6}  {shown}  {low:5.2f}  {middle:6.2f}  {high:5.2f}")
    good = [sample.score for sample in samples if not sample.is_failure]
    failed = [sample.score for sample in samples if sample.is_failure]
    for name in ("tracking_score", "lost_score"):
        threshold = getattr(config, name)
        lines.append(
            f"at {name} {threshold:.2f} or above: {_share(good, threshold):.1%} of the frames "
            f"that show the target, {_share(failed, threshold):.1%} of the others"
        )
    return "\n".join(lines)


def states_table(frames: Sequence[TrackedFrame]) -> str:
    """Return as text how reliable the state is: one line for each video, and one for all."""
    names = list(dict.fromkeys(frame.video for frame in frames))
    width = max(len("all"), *map(len, names))
    lines = ["  ".join([" " * width, *_STATE_HEADS])]
    for name in [*names, "all"]:
        own = [frame for frame in frames if name in ("all", frame.video)]
        cells = _state_cells(state_figures(own))
        padded = [f"{cell:>{len(head)}}" for cell, head in zip(cells, _STATE_HEADS, strict=True)]
        lines.append("  ".join([f"{name:<{width}}", *padded]))
    return "\n".join(lines)


def _state_cells(row: StateFigures) -> list[str]:
    def format_or_dash(value: float, form: str) -> str:
        return "–" if math.isnan(value) else format(value, form)

    return [
        *(str(count) for count in (row.frames, row.good, row.failed)),
        format_or_dash(row.auroc, ".3f"),
        format_or_dash(row.good_called_lost, ".1%"),
        format_or_dash(row.failed_called_tracking, ".1%"),
        format_or_dash(row.mean_j, ".3f"),
        format_or_dash(row.mean_j_never_lost, ".3f"),
    ]


def write_report(
    folder: Path,
    samples: Sequence[ScoreSample],
    frames: Sequence[TrackedFrame],
    kinds: Sequence[KindFigures],
    config: TrackerConfig,
    made_with: Mapping[str, Any],
) -> list[Path]:
    """Write confidence.json and confidence.png to ``folder``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, plot = folder / "confidence.json", folder / "confidence.png"
    rows = [
        {"name": name, "auroc": separation, "scores": scores}
        for name, scores, separation in _rows(samples)
    ]
    states = {"figures": asdict(state_figures(frames)), "frames": list(map(asdict, frames))}
    content = plain(
        {
            "made_with": made_with,
            "scores": rows,
            "states": states,
            "kinds": list(map(asdict, kinds)),
        }
    )
    summary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    curves = {name: fraction_above(scores) for name, scores, _ in _rows(samples)}
    marked = (config.lost_score, config.tracking_score)
    title = "Share of frames with this score or more"
    plot_curves(plot, [Curves(title, "score", THRESHOLDS, curves, marked)])
    return [summary, plot]


def _rows(samples: Sequence[ScoreSample]) -> list[tuple[str, list[float], float | None]]:
    """Return name, scores and AUROC against the frames in which the target was found."""
    good = [sample.score for sample in samples if not sample.is_failure]
    bad = [sample.score for sample in samples if sample.is_failure]
    rows: list[tuple[str, list[float], float | None]] = [(SHOWN, good, None)]
    for kind in ABSENT:
        scores = [sample.score for sample in samples if sample.kind == kind]
        rows.append((kind, scores, auroc(good, scores)))
    return [*rows, (f"IoU < {FAILED_BELOW_IOU}", bad, auroc(good, bad))]


def _share(scores: Sequence[float], threshold: float) -> float:
    return float((np.asarray(scores) >= threshold).mean())
