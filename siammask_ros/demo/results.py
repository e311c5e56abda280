"""What the demo leaves to look at: the annotated video, a sheet, tracks, latency, a summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from siammask_ros.demo.record import PlayedFrame, Run
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import find_contours
from siammask_ros.media.drawing import (
    DrawnTarget,
    contact_sheet,
    draw_targets,
    evenly_spaced,
    resize_to_width,
)
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import Source
from siammask_ros.media.plots import plot_latency
from siammask_ros.media.recording import JsonLines, VideoRecorder, plain
from siammask_ros.media.track_rows import frame_row

SHEET_PICTURES = 12
SHEET_COLUMNS = 4
_SHEET_WIDTH = 480


def write_results(out: Path, source: Source, run: Run, made_with: Mapping[str, Any]) -> list[Path]:
    """Writes all of it, in place of an earlier run's; returns the files.

    Raises DataError where the disk does not take it.
    """
    files = [
        out / name
        for name in (
            f"demo{default_suffix()}",
            "contact_sheet.png",
            "tracks.jsonl",
            "latency.png",
            "summary.json",
        )
    ]
    video, sheet, tracks, latency, summary = files
    _draw(video, sheet, source, run)
    with JsonLines(tracks, overwrite=True) as rows:
        for frame in run.frames:
            rows.write(_track_row(frame, run.frames[0].stamp_ns))
    plot_latency(latency, run.stages_ms(), run.ages_ms())
    content = plain({**run.summary(), "made_with": made_with})
    summary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return files


def _draw(video: Path, sheet: Path, source: Source, run: Run) -> None:
    """Draws the recorded answers on the images that they belong to."""
    played = {frame.number: frame for frame in run.frames}
    chosen = {run.frames[i].number for i in evenly_spaced(SHEET_PICTURES, len(run.frames))}
    cells: list[NDArray[np.uint8]] = []
    captions: list[str] = []
    with VideoRecorder(video, source.fps, source.size, overwrite=True) as recorder:
        for number, image, *_ in tqdm(
            source, "drawing", total=source.length, unit="frame", disable=None
        ):
            if number not in played:
                continue
            drawn = draw_targets(image, _targets(played[number]))
            if number in chosen:
                cells.append(resize_to_width(drawn, _SHEET_WIDTH))
                captions.append(_caption(played[number]))
            recorder.write(draw_targets(drawn, [], _caption(played[number])))
    cv2.imwrite(str(sheet), contact_sheet(cells, SHEET_COLUMNS, captions))


def _targets(frame: PlayedFrame) -> list[DrawnTarget]:
    mask = frame.mask()
    shown = frame.answers.get("box")
    if shown and not frame.targets:
        corners = RotatedBox.from_xywh(shown["box_xywh"]).corners_xy
        return [DrawnTarget("target", "SHOWN", "", float("nan"), corners)]
    return [
        DrawnTarget(
            str(target["id"]),
            str(target["state"]),
            str(target["reason"]),
            float(target["score"]),
            np.array(target["corners"], np.float64),
            # The demo follows one target: all of the published mask is its own.
            contours=find_contours(mask) if mask is not None else (),
        )
        for target in frame.targets
    ]


def _caption(frame: PlayedFrame) -> str:
    if not frame.is_processed:
        return f"frame {frame.number}  dropped"
    return f"frame {frame.number}  {frame.age_ms:.0f} ms"


def _track_row(frame: PlayedFrame, start_ns: int) -> dict[str, Any]:
    return frame_row(
        [dict(target) for target in frame.targets],
        frame=frame.number,
        stamp_s=(frame.stamp_ns - start_ns) / 1e9,
        stamp_ns=frame.stamp_ns,
        answered=frame.is_processed,
        age_ms=frame.age_ms if frame.is_processed else None,
    )
