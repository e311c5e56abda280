"""``siammask track``: follows a target in a video, a folder of images, a bag or a camera."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.errors import DataError

if TYPE_CHECKING:
    from siammask_ros.tracker.targets import TargetState

TARGET_ID = "1"
NOT_RECORDED = 2


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    track = commands.add_parser("track", help="follow a target in a video or a bag, without ROS")
    track.add_argument(
        "source", help="a video, a folder of images, a bag (rosbag2), or a camera's number"
    )
    track.add_argument(
        "--topic", default="", help="whose images of a bag; not needed where there is only one"
    )
    track.add_argument(
        "--box", required=True, metavar="X,Y,W,H", help="what to follow, on the first frame"
    )
    track.add_argument(
        "--out", type=Path, metavar="VIDEO", help=".mp4, .avi, or .webm for browsers"
    )
    track.add_argument("--json", type=Path, metavar="FILE", help="a line of JSON for every frame")
    track.add_argument(
        "--bag-out", type=Path, metavar="FOLDER", help="masks, detections and tracks as a bag"
    )
    track.add_argument("--first", type=int, default=0, help="number of the first frame")
    track.add_argument("--last", type=int, help="number of the last frame")
    shared.add_network(track)
    track.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.cli.recordings import Recordings
    from siammask_ros.geometry.boxes import RotatedBox
    from siammask_ros.media.frames import open_source
    from siammask_ros.session import TrackedTarget

    box = RotatedBox.from_xywh(shared.parse_box(options.box))
    source = open_source(options.source, options.first, options.last, options.topic)
    out = options.out
    if not (out or options.json or options.bag_out):
        out = Path(f"{Path(source.name).stem}-tracked.mp4")
    with Recordings(source, out, options.json, options.bag_out) as files:
        tracker = shared.open_tracker(options)
        states: list[TargetState] = []
        step_ms: list[float] = []
        tracked = 0
        seen_s = 0.0
        for frame in tqdm(source, total=source.length, unit="frame", disable=None):
            if not states:
                states = tracker.start(frame.image_bgr, [box])
            started_s = time.perf_counter()
            (result,), states = tracker.step(frame.image_bgr, states)
            step_ms.append((time.perf_counter() - started_s) * 1e3)
            tracked += result.status.name == "TRACKING"
            if not states[0].frames_unseen or len(step_ms) == 1:
                seen_s = frame.stamp_s
            files.write(frame, TrackedTarget(TARGET_ID, result, frame.stamp_s - seen_s))
            if not files.is_open:
                break
    if not step_ms:
        raise DataError(f"{source.name} gave no frame; nothing was tracked")
    fps = 1e3 / statistics.median(step_ms)
    print(f"{len(step_ms)} frames, {tracked} tracked, {fps:.1f} frames/s by the tracker alone")
    shared.say_written(path for path in files.paths if path.exists())
    return NOT_RECORDED if files.failures else 0
