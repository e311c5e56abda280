"""The demo with the dashboard: a video is repeated, and the target is chosen on the page."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from siammask_ros.demo import demo
from siammask_ros.demo.demo import DemoError
from siammask_ros.demo.plan import Box, Plan, find_config, make_plan
from siammask_ros.demo.processes import NodeProcess, node_environment

DASHBOARD = "siammask_ros.ros.nodes.dashboard"
ADDRESS = "dashboard: "
# How long one may draw on an image that stands still.
CHOOSE_WITHIN_S = 5.0


def run_dashboard(
    video: str | None, box_xywh: Box | None, out: Path, network: Mapping[str, Any]
) -> int:
    """Plays, tracks and serves until Ctrl-C or SIGTERM; the exit code.

    Recordings go to ``out``. Raises DataError where the video cannot be read.
    """
    plan = make_plan(video, box_xywh or (0.0, 0.0, 1.0, 1.0))
    source = plan.open()
    folder = demo.clear_folder(out / "nodes")
    print(f"demo: {plan.about or source.name}")
    before = signal.signal(signal.SIGTERM, demo.interrupt)
    try:
        with ExitStack() as nodes:
            running = _start_nodes(nodes, plan, folder, out, network)
            print(f"{_wait_for_address(running)} (Ctrl-C ends it)", flush=True)
            _watch(running)
    except DemoError as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return demo.FAILED
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _start_nodes(
    nodes: ExitStack, plan: Plan, folder: Path, out: Path, network: Mapping[str, Any]
) -> list[NodeProcess]:
    """The page, the tracker and the player; the page first, for it has the least to load."""
    environment = node_environment()
    parameters: dict[str, dict[str, Any]] = {
        DASHBOARD: _page_parameters() | {"record_folder": str(out.resolve())},
        demo.TRACKER: {**network, "autostart": True, "history_s": CHOOSE_WITHIN_S},
        demo.PLAYER: {
            "source": str(plan.source),
            "first_frame": plan.first,
            "last_frame": -1 if plan.last is None else plan.last,
            "preload": plan.fits_in_memory,
            "loop": True,
        },
    }
    return [
        nodes.enter_context(NodeProcess(module, values, environment, folder))
        for module, values in parameters.items()
    ]


def _page_parameters() -> dict[str, Any]:
    """Those of config/dashboard.yaml, which a user may have changed."""
    text = find_config("dashboard.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)["/**"]["ros__parameters"]
    return values


def _wait_for_address(running: list[NodeProcess]) -> str:
    """Waits for the line in which the dashboard says where its page is."""
    while True:
        _check_running(running)
        for line in running[0].log.read_text(errors="replace").splitlines():
            if ADDRESS in line:
                return ADDRESS + line.partition(ADDRESS)[2]
        time.sleep(0.05)


def _watch(running: list[NodeProcess]) -> None:
    while True:
        _check_running(running)
        time.sleep(0.2)


def _check_running(running: list[NodeProcess]) -> None:
    """Raises DemoError where a node has ended."""
    for node in running:
        if not node.is_running:
            raise DemoError(f"{node.name} ended:\n{node.last_lines}")
