"""``siammask track``: tracks targets in a video, a folder of images, a bag or a camera."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli import options as shared
from siammask_ros.errors import DataError

if TYPE_CHECKING:
    from siammask_ros.cli.first_boxes import FirstBoxes
    from siammask_ros.cli.recordings import Recordings
    from siammask_ros.media.frames import Source, SourceFrame
    from siammask_ros.tracker.targets import TargetResult, TargetState
    from siammask_ros.tracker.tracker import Tracker

NOT_RECORDED = 2
NOT_TRACKED = 3
_NOT_WITH_SERVE = ("box", "mask", "out", "json", "masks", "bag_out", "force")


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    track = commands.add_parser(
        "track", help="track targets in a video, a bag or a camera, without ROS"
    )
    track.add_argument(
        "source",
        help="video, folder of images, bag (rosbag2), camera number or address (rtsp://)",
    )
    track.add_argument(
        "--topic", default="", help="image topic of a bag; needed only if the bag has several"
    )
    track.add_argument(
        "--box",
        action="append",
        default=[],
        metavar="X,Y,W,H",
        help="box around the target in the first frame; repeat it for more targets",
    )
    track.add_argument(
        "--mask",
        type=Path,
        metavar="PNG",
        help="mask of the first frame, with the object number in each pixel (as in DAVIS)",
    )
    _add_results(track)
    track.add_argument("--first", type=int, default=0, help="number of the first frame")
    track.add_argument("--last", type=int, help="number of the last frame")
    _add_page(track)
    shared.add_network(track)
    track.set_defaults(run=_run)


def _add_results(parser: argparse.ArgumentParser) -> None:
    """Add the options for the result files."""
    group = parser.add_argument_group("results; default: a video in the current folder")
    group.add_argument("--out", type=Path, metavar="VIDEO", help=".mp4 (H.264), .webm or .avi")
    group.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="one line of JSON per frame (docs/tracks.md); - is the standard output",
    )
    group.add_argument(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help="one PNG per frame, with the target number in each pixel (as in DAVIS)",
    )
    group.add_argument(
        "--bag-out",
        type=Path,
        metavar="FOLDER",
        help="bag with masks, detections, tracks and overlays (docs/bags.md)",
    )
    group.add_argument("--force", action="store_true", help="overwrite existing results")


def _add_page(parser: argparse.ArgumentParser) -> None:
    """Add the options of the page in the browser."""
    group = parser.add_argument_group("page in the browser")
    group.add_argument(
        "--serve",
        action="store_true",
        help="serve a page on which boxes are drawn; no files are written",
    )
    group.add_argument("--loop", action="store_true", help="start again at the end of the source")
    group.add_argument(
        "--address",
        default="127.0.0.1",
        help="address to listen on; default: 127.0.0.1, this machine only",
    )
    group.add_argument(
        "--port", type=int, default=8088, help="port of the page; 0: any free port; default: 8088"
    )
    group.add_argument(
        "--token-file", default="", metavar="FILE", help="file with the access token of the page"
    )
    group.add_argument(
        "--origins",
        default="",
        metavar="A,B",
        help="further addresses of the page, such as http://robot.local:8088",
    )
    group.add_argument(
        "--record-folder",
        default="",
        metavar="FOLDER",
        help="folder for recordings made on the page",
    )


def _serve(options: argparse.Namespace) -> int:
    from siammask_ros.cli.serving import serve
    from siammask_ros.media.frames import open_source

    given = [name for name in _NOT_WITH_SERVE if getattr(options, name)]
    if given:
        raise DataError(f"--{given[0].replace('_', '-')} cannot be used with --serve; leave it out")
    source = open_source(options.source, options.first, options.last, options.topic)
    return serve(options, source)


def _run(options: argparse.Namespace) -> int:
    if options.serve:
        return _serve(options)
    return _track(options)


def _track(options: argparse.Namespace) -> int:
    from siammask_ros.cli.first_boxes import parse_first_boxes
    from siammask_ros.cli.recordings import Outputs, Recordings
    from siammask_ros.media.encoders import default_suffix
    from siammask_ros.media.frames import open_source
    from siammask_ros.media.recording import is_stream

    boxes = parse_first_boxes(options.box, options.mask)
    source = open_source(options.source, options.first, options.last, options.topic)
    out = options.out
    if not (out or options.json or options.masks or options.bag_out):
        out = Path(f"{Path(source.name).stem}-tracked{default_suffix()}")
    outputs = Outputs(out, options.json, options.masks, options.bag_out, options.force)
    with Recordings(source, outputs) as files:
        run = _Run(shared.open_tracker(options), boxes, files)
        run.track(source)
    if not run.step_ms:
        raise DataError(f"{source.name} contains no frame; nothing was tracked")
    # Other text must not appear between the lines of JSON.
    to = sys.stderr if outputs.uses_standard_output else sys.stdout
    print(run.summary(), file=to)
    shared.print_written((path for path in outputs if path.exists() and not is_stream(path)), to)
    if files.failures:
        return NOT_RECORDED
    if not any(run.tracked.values()):
        print(f"siammask: no target was tracked in {source.name}", file=sys.stderr)
        return NOT_TRACKED
    return 0


class _Run:
    """Tracks targets through a source and counts frames."""

    def __init__(self, tracker: Tracker, boxes: FirstBoxes, files: Recordings) -> None:
        self._tracker = tracker
        self._boxes = boxes
        self._files = files
        self.step_ms: list[float] = []
        self.tracked: dict[str, int] = {}

    def track(self, source: Source) -> None:
        """Track to the end, or until no file can be written; raises BoxError or DataError."""
        from tqdm import tqdm

        states: list[TargetState] = []
        ids: list[str] = []
        seen_s: list[float] = []
        for frame in tqdm(source, total=source.length, unit="frame", disable=None):
            if not states:
                ids, boxes = self._boxes.find_in(frame.image_bgr)
                states = self._tracker.start(frame.image_bgr, boxes)
                seen_s = [frame.stamp_s] * len(ids)
                self.tracked = dict.fromkeys(ids, 0)
                # Only now, so that a refused box does not overwrite earlier results.
                self._files.open()
            started_s = time.perf_counter()
            results, states = self._tracker.step(frame.image_bgr, states)
            self.step_ms.append((time.perf_counter() - started_s) * 1e3)
            seen_s = [
                last_s if state.frames_unseen else frame.stamp_s
                for state, last_s in zip(states, seen_s, strict=True)
            ]
            self._write(frame, ids, results, seen_s)
            if not self._files.is_open:
                break

    def _write(
        self,
        frame: SourceFrame,
        ids: Sequence[str],
        results: Sequence[TargetResult],
        seen_s: Sequence[float],
    ) -> None:
        from siammask_ros.session import TrackedTarget

        targets = [
            TrackedTarget(target_id, result, frame.stamp_s - last_s)
            for target_id, result, last_s in zip(ids, results, seen_s, strict=True)
        ]
        for target in targets:
            self.tracked[target.target_id] += target.result.status.name == "TRACKING"
        self._files.write(frame, targets)

    def summary(self) -> str:
        """Return the number of frames, in how many each target was tracked, and the speed."""
        fps = 1e3 / statistics.median(self.step_ms)
        if len(self.tracked) == 1:
            (tracked,) = (f"{count} tracked" for count in self.tracked.values())
        else:
            tracked = ", ".join(
                f"target {target_id} tracked in {count}"
                for target_id, count in self.tracked.items()
            )
        return f"{len(self.step_ms)} frames, {tracked}, {fps:.1f} frames/s in the tracker alone"
