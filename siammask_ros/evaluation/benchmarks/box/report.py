"""The report of one-pass evaluation: a table of all trackers, JSON, both curves, the boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.best_and_worst_frames import (
    draw_compared_boxes,
    draw_frame_grid,
    find_best_and_worst,
)
from siammask_ros.evaluation.benchmarks.box.measuring import (
    DISTANCE_THRESHOLDS_PX,
    OVERLAP_THRESHOLDS,
    BoxResult,
)
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
from siammask_ros.media.plots import Curves, plot_curves
from siammask_ros.media.recording import plain

_GROUP = 26


def table(results: Sequence[BoxResult]) -> str:
    """Success AUC and precision of every sequence and their means, the trackers side by side."""
    box_trackers = _group_by_tracker(results)
    sequences = [result.sequence for result in next(iter(box_trackers.values()))]
    width = max(len(name) for name in (*sequences, "sequence"))
    columns = f"{'AUC':>6}  {'<=20 px':>8}  {'fps':>8}"
    lines = [
        f"{'':{width}}  {'':6}" + "".join(f"  {name:^{_GROUP}}" for name in box_trackers),
        f"{'sequence':{width}}  frames" + f"  {columns}" * len(box_trackers),
    ]
    for number, name in enumerate(sequences):
        rows = [group[number] for group in box_trackers.values()]
        cells = "".join(
            f"  {row.success_auc:6.3f}  {row.precision_at_20_px:8.3f}  {_fps(row):8.1f}"
            for row in rows
        )
        lines.append(f"{name:{width}}  {len(rows[0].overlaps):6}{cells}")
    means = [means_of(group) for group in box_trackers.values()]
    cells = "".join(f"  {auc:6.3f}  {precision:8.3f}  {'':8}" for auc, precision in means)
    lines.append(f"{'mean':{width}}  {'':6}{cells}".rstrip())
    return "\n".join(lines)


def means_of(results: Sequence[BoxResult]) -> tuple[float, float]:
    """Success AUC and precision at 20 px, the mean over the sequences."""
    return (
        float(np.mean([result.success_auc for result in results])),
        float(np.mean([result.precision_at_20_px for result in results])),
    )


def write_report(
    folder: Path,
    sequences: Sequence[BoxSequence],
    results: Sequence[BoxResult],
    made_with: Mapping[str, Any],
) -> list[Path]:
    """Write summary.json, curves.png, best_and_worst.jpg and the boxes to ``folder``.

    Those are boxes/TRACKER/SEQUENCE.txt, x,y,w,h a line; the image shows where the overlap is
    highest and lowest. ``made_with`` (engine, parameters) is added to the JSON.
    Returns the first three files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = ("summary.json", "curves.png", "best_and_worst.jpg")
    summary, plot, best_and_worst = (folder / name for name in names)
    by_name = {sequence.name: sequence for sequence in sequences}
    numbers = _summary(by_name, results, made_with)
    summary.write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    plot_curves(plot, _curves(results))
    cv2.imwrite(str(best_and_worst), _draw_best_and_worst(by_name, results))
    for result in results:
        path = folder / "boxes" / result.tracker.replace(" ", "_") / f"{result.sequence}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = (",".join(f"{value:.2f}" for value in box) for box in result.boxes_xywh)
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [summary, plot, best_and_worst]


def _draw_best_and_worst(
    by_name: Mapping[str, BoxSequence], results: Sequence[BoxResult]
) -> NDArray[np.uint8]:
    """A row for each result: where the overlap is highest, then where it is lowest."""
    rows = []
    for result in results:
        sequence = by_name[result.sequence]
        counted = sequence.counted
        best, worst = find_best_and_worst(result.overlaps)
        cells, texts = [], []
        for place in best + worst:
            number = counted[place]
            cells.append(draw_compared_boxes(sequence, number, result.boxes_xywh[number]))
            about = f"{result.tracker} {result.sequence} {sequence.image_paths[number].name}"
            texts.append(f"{about}  IoU {result.overlaps[place]:.2f}")
        rows.append((cells, texts))
    return draw_frame_grid(rows)


def _group_by_tracker(results: Sequence[BoxResult]) -> dict[str, list[BoxResult]]:
    groups: dict[str, list[BoxResult]] = {}
    for result in results:
        groups.setdefault(result.tracker, []).append(result)
    return groups


def _fps(result: BoxResult) -> float:
    return 1e3 / float(np.median(result.step_ms))


def _summary(
    by_name: Mapping[str, BoxSequence], results: Sequence[BoxResult], made_with: Mapping[str, Any]
) -> Any:
    box_trackers = []
    for name, group in _group_by_tracker(results).items():
        auc, precision = means_of(group)
        sequences = [_numbers(result, by_name[result.sequence]) for result in group]
        box_trackers.append(
            {
                "name": name,
                "success_auc": auc,
                "precision_at_20_px": precision,
                "sequences": sequences,
            }
        )
    return plain({"trackers": box_trackers, "made_with": made_with})


def _numbers(result: BoxResult, sequence: BoxSequence) -> dict[str, Any]:
    return {
        "name": result.sequence,
        "success_auc": result.success_auc,
        "precision_at_20_px": result.precision_at_20_px,
        "frames": len(result.overlaps),
        "median_step_ms": float(np.median(result.step_ms)),
        "file_by_frame": [sequence.image_paths[number].name for number in sequence.counted],
        "overlap_by_frame": result.overlaps,
        "distance_px_by_frame": result.distances_px,
    }


def _curves(results: Sequence[BoxResult]) -> list[Curves]:
    box_trackers = _group_by_tracker(results)
    success, precision = {}, {}
    for name, group in box_trackers.items():
        auc, precise = means_of(group)
        success[f"{name}   {auc:.3f}"] = np.mean([result.success for result in group], axis=0)
        precision[f"{name}   {precise:.3f}"] = np.mean([r.precision for r in group], axis=0)
    return [
        Curves("Success: frames with a larger overlap", "overlap", OVERLAP_THRESHOLDS, success),
        Curves(
            "Precision: frames with a centre nearer",
            "distance, px",
            DISTANCE_THRESHOLDS_PX,
            precision,
        ),
    ]
