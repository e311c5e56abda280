"""``siammask track``: follows a target in a video, a folder of images, a bag or a camera."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.errors import BoxError, DataError

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
    track.add_argument("--box", metavar="X,Y,W,H", help="what to follow, on the first frame")
    track.add_argument(
        "--out", type=Path, metavar="VIDEO", help=".mp4, .avi, or .webm for browsers"
    )
    track.add_argument("--json", type=Path, metavar="FILE", help="a line of JSON for every frame")
    track.add_argument(
        "--bag-out",
        type=Path,
        metavar="FOLDER",
        help="masks, detections, tracks and overlays as a bag",
    )
    track.add_argument("--first", type=int, default=0, help="number of the first frame")
    track.add_argument("--last", type=int, help="number of the last frame")
    _add_page(track)
    shared.add_network(track)
    track.set_defaults(run=_run)


def _add_page(parser: argparse.ArgumentParser) -> None:
    """Adds what says that a page is served, and to whom."""
    group = parser.add_argument_group("page in the browser")
    group.add_argument(
        "--serve", action="store_true", help="draw boxes on a page; nothing is written"
    )
    group.add_argument("--loop", action="store_true", help="begin again at the end")
    group.add_argument("--address", default="127.0.0.1", help="127.0.0.1: this machine only")
    group.add_argument("--port", type=int, default=8088, help="0: a free one")
    group.add_argument("--token-file", default="", metavar="FILE", help="holds the page's token")
    group.add_argument(
        "--origins",
        default="",
        metavar="A,B",
        help="more names of the page: http://robot.local:8088",
    )
    group.add_argument(
        "--record-folder", default="", metavar="FOLDER", help="where the page may record to"
    )


def _serve(options: argparse.Namespace) -> int:
    from siammask_ros.cli.serving import serve
    from siammask_ros.media.frames import open_source

    given = [name for name in ("box", "out", "json", "bag_out") if getattr(options, name)]
    if given:
        raise DataError(f"--{given[0].replace('_', '-')} does not go with --serve; leave it out")
    source = open_source(options.source, options.first, options.last, options.topic)
    return serve(options, source)


def _run(options: argparse.Namespace) -> int:
    if options.serve:
        return _serve(options)
    return _follow(options)


def _follow(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.cli.recordings import Recordings
    from siammask_ros.geometry.boxes import RotatedBox
    from siammask_ros.media.frames import open_source
    from siammask_ros.session import TrackedTarget

    if options.box is None:
        raise BoxError("nothing says what to follow; expected --box x,y,w,h, or --serve")
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
