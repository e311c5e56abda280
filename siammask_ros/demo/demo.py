"""The whole job once: a video played over real ROS 2, a target followed, everything recorded."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from siammask_ros.demo.plan import Box, Plan, make_plan
from siammask_ros.demo.processes import NodeProcess, node_environment
from siammask_ros.demo.record import Run
from siammask_ros.demo.results import write_results
from siammask_ros.errors import DataError

TRACKER = "siammask_ros.ros.nodes.tracker"
RECORDER = "siammask_ros.ros.nodes.recorder"
PLAYER = "siammask_ros.ros.nodes.player"
READY = "ready"
FAILED = 1
# Answers to the last images are still on their way when the player has ended.
LAST_ANSWERS_S = 1.0


class DemoError(Exception):
    """The demo did not come to its end; the message is for the user."""


def run_demo(video: str | None, box_xywh: Box | None, out: Path, network: Mapping[str, Any]) -> int:
    """Plays, tracks, records and draws; the exit code, 0 where the target was tracked.

    Without a ``video`` the demo's own. ``network`` holds the tracker node's parameters. Raises
    DataError where the video cannot be read or the results cannot be written.
    """
    plan = make_plan(video, box_xywh)
    source = plan.open()
    folder = clear_folder(out / "nodes")
    print(f"demo: {plan.about or source.name}")
    try:
        run = _run_nodes(plan, folder, network)
    except DemoError as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return FAILED
    summary = run.summary()
    made_with = {"video": plan.source.name, "box_xywh": plan.box_xywh, "network": dict(network)}
    files = write_results(out, source, run, made_with) if run.processed_frames else []
    for path in files:
        print(f"wrote {path}")
    print(_format_summary(summary))
    if not summary["frames_tracked"]:
        print(f"demo failed: nothing was tracked; see the logs in {folder}", file=sys.stderr)
        return FAILED
    return 0


def clear_folder(folder: Path) -> Path:
    """The folder, empty of an earlier run's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    except OSError as error:
        raise DataError(f"{folder} cannot be used: {error.strerror}") from error
    return folder


def _run_nodes(plan: Plan, folder: Path, network: Mapping[str, Any]) -> Run:
    """Runs the tracker, the recorder and then the player, each in its process, to the end."""
    played, recorded = folder / "played.txt", folder / "recorded.jsonl"
    environment = node_environment()
    print(f"starting the nodes (ROS_DOMAIN_ID={environment['ROS_DOMAIN_ID']})")
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with ExitStack() as nodes:
            tracker = nodes.enter_context(
                NodeProcess(
                    TRACKER,
                    {**network, "autostart": True},
                    environment,
                    folder,
                )
            )
            recorder = nodes.enter_context(
                NodeProcess(
                    RECORDER,
                    {"record": str(recorded), "box": [float(number) for number in plan.box_xywh]},
                    environment,
                    folder,
                )
            )
            _wait_until_ready(tracker, recorder)
            player = nodes.enter_context(
                NodeProcess(
                    PLAYER,
                    {
                        "source": str(plan.source),
                        "first_frame": plan.first,
                        "last_frame": -1 if plan.last is None else plan.last,
                        "preload": plan.fits_in_memory,
                        "wait_for_subscribers": 1,
                        "log": str(played),
                    },
                    environment,
                    folder,
                )
            )
            _watch(player, tracker, played, plan.open().length)
            time.sleep(LAST_ANSWERS_S)
            recorder.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
    return Run.read(played, recorded)


def _wait_until_ready(tracker: NodeProcess, recorder: NodeProcess) -> None:
    while not recorder.has_logged(READY):
        for node in (tracker, recorder):
            if not node.is_running and not recorder.has_logged(READY):
                raise DemoError(f"{node.name} ended early:\n{node.last_lines}")
        time.sleep(0.05)


def _watch(player: NodeProcess, tracker: NodeProcess, played: Path, length: int | None) -> None:
    """Shows how far the player is, until it has ended."""
    with tqdm(desc="playing", total=length, unit="frame", disable=None) as bar:
        while player.is_running:
            if not tracker.is_running:
                raise DemoError(f"{tracker.name} ended while it tracked:\n{tracker.last_lines}")
            bar.update(_lines_in(played) - bar.n)
            time.sleep(0.2)
        bar.update(_lines_in(played) - bar.n)
    if player.process.returncode:
        raise DemoError(f"{player.name} stopped:\n{player.last_lines}")


def _lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the nodes as Ctrl-C does."""
    raise KeyboardInterrupt


def _format_summary(summary: Mapping[str, Any]) -> str:
    ages = ", ".join(f"{name} {value:.1f}" for name, value in summary["age_ms"].items())
    return (
        f"demo: {summary['frames_published']} frames published, "
        f"{summary['frames_processed']} processed, {summary['frames_dropped']} dropped, "
        f"{summary['frames_tracked']} tracked, {summary['frames_lost']} said to be lost; "
        f"age of the answer in ms: {ages or 'none'}"
    )
