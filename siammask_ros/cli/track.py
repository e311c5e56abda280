"""``siammask track``: follows a target in a video, a folder of images or a camera."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.errors import DataError

if TYPE_CHECKING:
    from siammask_ros.media.drawing import DrawnTarget
    from siammask_ros.tracker.targets import TargetResult


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    track = commands.add_parser("track", help="follow a target in a video, without ROS")
    track.add_argument("source", help="a video, a folder of images, or a camera's number")
    track.add_argument(
        "--box", required=True, metavar="X,Y,W,H", help="what to follow, on the first frame"
    )
    track.add_argument(
        "--out", type=Path, metavar="VIDEO", help=".mp4, .avi, or .webm for browsers"
    )
    track.add_argument("--json", type=Path, metavar="FILE", help="a line of JSON for every frame")
    track.add_argument("--first", type=int, default=0, help="number of the first frame")
    track.add_argument("--last", type=int, help="number of the last frame")
    shared.add_network(track)
    track.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from tqdm import tqdm

    from siammask_ros.geometry.boxes import RotatedBox
    from siammask_ros.media.drawing import draw_targets
    from siammask_ros.media.frames import open_source
    from siammask_ros.media.recording import JsonLines, VideoRecorder

    box = RotatedBox.from_xywh(shared.parse_box(options.box))
    source = open_source(options.source, options.first, options.last)
    out = options.out
    if out is None and options.json is None:
        out = Path(f"{Path(source.name).stem}-tracked.mp4")
    with ExitStack() as files:
        video = files.enter_context(VideoRecorder(out, source.fps, source.size)) if out else None
        rows = files.enter_context(JsonLines(options.json)) if options.json else None
        tracker = shared.open_tracker(options)
        states: list[Any] = []
        step_ms: list[float] = []
        tracked = 0
        for number, image, stamp_s in tqdm(source, total=source.length, unit="frame", disable=None):
            if not states:
                states = tracker.start(image, [box])
            started_s = time.perf_counter()
            (result,), states = tracker.step(image, states)
            step_ms.append((time.perf_counter() - started_s) * 1e3)
            tracked += result.status.name == "TRACKING"
            if rows:
                rows.write(_row(number, stamp_s, result))
            if video:
                video.write(draw_targets(image, [_drawn(result)], f"frame {number}"))
    if not step_ms:
        raise DataError(f"{source.name} gave no frame; nothing was tracked")
    fps = 1e3 / statistics.median(step_ms)
    print(f"{len(step_ms)} frames, {tracked} tracked, {fps:.1f} frames/s by the tracker alone")
    shared.say_written(path for path in (out, options.json) if path)
    return 0


def _row(number: int, stamp_s: float, result: TargetResult) -> dict[str, Any]:
    box = result.box
    target = {
        "id": "1",
        "state": result.status.name,
        "reason": result.reason,
        "score": result.score,
        "box": {
            "x": box.x,
            "y": box.y,
            "width": box.width,
            "height": box.height,
            "theta": box.theta,
        },
        "corners": box.corners_xy,
        "mask_area_px": result.mask.area_px if result.mask else 0,
    }
    return {"frame": number, "stamp_s": stamp_s, "targets": [target]}


def _drawn(result: TargetResult) -> DrawnTarget:
    from siammask_ros.media.drawing import DrawnTarget

    mask = result.mask
    return DrawnTarget(
        "1",
        result.status.name,
        result.score,
        result.box.corners_xy,
        result.outline,
        mask.binary if mask else None,
        (mask.left, mask.top) if mask else (0, 0),
    )
