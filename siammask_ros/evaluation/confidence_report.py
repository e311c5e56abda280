"""What a measurement of the score leaves: a table, JSON and the curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siammask_ros.evaluation.confidence import (
    ABSENT,
    FAILED_BELOW_IOU,
    SHOWN,
    THRESHOLDS,
    Look,
    auroc,
    share_above,
)
from siammask_ros.media.plots import Curves, curves_picture
from siammask_ros.media.recording import plain
from siammask_ros.tracker.config import TrackerConfig

_PERCENTILES = (5, 50, 95)


def table(looks: Sequence[Look], config: TrackerConfig) -> str:
    """AUROC of the score for a failure and for each way of being absent, and the thresholds."""
    lines = [f"{'':16}  {'looks':>6}  {'AUROC':>6}  {'p5':>5}  {'median':>6}  {'p95':>5}"]
    for name, scores, separation in _rows(looks):
        low, middle, high = np.percentile(scores, _PERCENTILES)
        told = f"{separation:6.3f}" if separation is not None else f"{'':6}"
        lines.append(f"{name:16}  {len(scores):6}  {told}  {low:5.2f}  {middle:6.2f}  {high:5.2f}")
    shown = [look.score for look in looks if not look.is_failure]
    failed = [look.score for look in looks if look.is_failure]
    for name in ("tracking_score", "lost_score"):
        threshold = getattr(config, name)
        lines.append(
            f"at {name} {threshold:.2f} or above: {_share(shown, threshold):.1%} of the frames "
            f"that show the target, {_share(failed, threshold):.1%} of the others"
        )
    return "\n".join(lines)


def write_report(
    folder: Path, looks: Sequence[Look], config: TrackerConfig, made_with: Mapping[str, Any]
) -> list[Path]:
    """Writes confidence.json and confidence.png to ``folder``; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, picture = folder / "confidence.json", folder / "confidence.png"
    rows = [
        {"name": name, "auroc": separation, "scores": scores}
        for name, scores, separation in _rows(looks)
    ]
    content = plain({"made_with": made_with, "looks": rows})
    summary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    curves = {name: share_above(scores) for name, scores, _ in _rows(looks)}
    marked = (config.lost_score, config.tracking_score)
    title = "Share of frames with this score or more"
    curves_picture(picture, [Curves(title, "score", THRESHOLDS, curves, marked)])
    return [summary, picture]


def _rows(looks: Sequence[Look]) -> list[tuple[str, list[float], float | None]]:
    """Name, scores and AUROC against the frames where the target was found."""
    good = [look.score for look in looks if not look.is_failure]
    bad = [look.score for look in looks if look.is_failure]
    rows: list[tuple[str, list[float], float | None]] = [(SHOWN, good, None)]
    for kind in ABSENT:
        scores = [look.score for look in looks if look.kind == kind]
        rows.append((kind, scores, auroc(good, scores)))
    return [*rows, (f"IoU < {FAILED_BELOW_IOU}", bad, auroc(good, bad))]


def _share(scores: Sequence[float], threshold: float) -> float:
    return float((np.asarray(scores) >= threshold).mean())
