"""How old an answer is where another process hears it.

`python bench/latency.py docs/latency.md` runs the real processes: a player that publishes the
demo's cyclist at 25 pictures a second in three sizes, the tracker with the shipped network, and
this one, which notes when the detections of each picture arrive. Leaves the page and, beside it in
out/, a JSON file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]

import conftest  # noqa: E402, F401
import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from siammask_ros.msg import FrameLatency  # noqa: E402
from support import cyclist  # noqa: E402
from support.dashboard_processes import running_nodes  # noqa: E402
from support.session_bench import wait_until  # noqa: E402
from vision_msgs.msg import Detection2D, Detection2DArray  # noqa: E402

from siammask_ros.cli.machine import machine  # noqa: E402
from siammask_ros.media.image_messages import stamp_ns  # noqa: E402

NODE = "/siammask_tracker"
SIZES = ((640, 480), (1280, 720), (1920, 1080))
HZ = 25.0
WARM_UP_S, MEASURED_S, WAIT_S = 3.0, 40.0, 120.0
STAGES = ("transport", "wait", "convert", "crop", "network", "select", "mask", "publish")
OUT = ROOT / "out" / "latency.json"


class Reader:
    """Hears detections and the tracker's own account of each picture."""

    def __init__(self, context: Context) -> None:
        self.node = Node("reader", context=context)
        self.arrived_ns: dict[int, int] = {}
        self.told: dict[int, FrameLatency] = {}
        self.seen: set[int] = set()
        topic = f"{NODE}/detections"
        self.node.create_subscription(Detection2DArray, topic, self._on_detections, 10)
        self.node.create_subscription(FrameLatency, f"{NODE}/latency", self._on_latency, 10)
        self.boxes = self.node.create_publisher(Detection2D, f"{NODE}/init_box", 10)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)

    def spin_for(self, seconds: float) -> None:
        """Receive messages for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=0.05)

    def follow(self, size: tuple[int, int]) -> None:
        """Has the tracker follow the cyclist, on the newest picture, until it does."""
        box = cyclist.box(size)
        detection = Detection2D(id="cyclist")
        center = detection.bbox.center.position
        center.x, center.y = box.x, box.y
        detection.bbox.size_x, detection.bbox.size_y = box.width, box.height

        def is_followed() -> bool:
            self.boxes.publish(detection)
            self.spin_for(1.0)
            return bool(self.seen)

        wait_until(is_followed, "the target to be followed", WAIT_S)

    def clear(self) -> None:
        """Forget what has arrived so far."""
        self.arrived_ns.clear()
        self.told.clear()
        self.seen.clear()

    def _on_detections(self, message: Detection2DArray) -> None:
        stamp = stamp_ns(message.header)
        self.arrived_ns[stamp] = time.time_ns()
        if message.detections:
            self.seen.add(stamp)

    def _on_latency(self, message: FrameLatency) -> None:
        self.told[stamp_ns(message.header)] = message


def measured(size: tuple[int, int]) -> dict[str, Any]:
    """Milliseconds of every picture that was followed in, and of each stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = cyclist.pictures(folder / "pictures", size)
        with running_nodes(folder, source, player={"rate": HZ}, history_s=1.0) as nodes:
            context = Context()
            rclpy.init(context=context, domain_id=int(nodes.environment["ROS_DOMAIN_ID"]))
            reader = Reader(context)
            try:
                reader.follow(size)
                reader.spin_for(WARM_UP_S)
                reader.clear()
                reader.spin_for(MEASURED_S)
                stamps = sorted(reader.seen & reader.told.keys())
                ages = [(reader.arrived_ns[stamp] - stamp) / 1e6 for stamp in stamps]
                told = [reader.told[stamp] for stamp in stamps]
                dropped = told[-1].dropped - told[0].dropped
                received = told[-1].received - told[0].received
            finally:
                reader.node.destroy_node()
                rclpy.shutdown(context=context)
    stages = {stage: [getattr(each, f"{stage}_ms") for each in told] for stage in STAGES}
    return {
        "size": size,
        "pictures": len(ages),
        "dropped": dropped / received,
        "age_ms": _percentiles(ages),
        "beyond_network_ms": _percentiles(np.subtract(ages, stages["network"])),
        "stages_ms": {stage: float(np.median(values)) for stage, values in stages.items()},
    }


def _percentiles(values: Any) -> dict[str, float]:
    found = np.percentile(values, (50, 95, 99))
    return dict(zip(("p50", "p95", "p99"), map(float, found), strict=True))


def page(about: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The page of documentation."""
    lines = [
        "# Latency over ROS 2",
        "",
        "Made by `python bench/latency.py docs/latency.md`; not written by hand.",
        "",
        "The table shows the time from the stamp of an image, set when it is published, until "
        "another process has its detections. Player, tracker (`lite`, one target) and reader are "
        f"three processes; {HZ:g} images per second, {MEASURED_S:g} s per row, `bgr8`, "
        "config/fastdds.xml.",
        "",
        "*Beyond network* is the same time without the network: transport, waiting, checks, crops, "
        "masks and messages. The time of the tracker alone is in [speed](speed.md).",
        "",
        *(f"* {name}: {value}" for name, value in about.items()),
        "",
        "| images | answered | dropped | p50 ms | p95 | p99 | beyond network p50 | p95 | p99 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        numbers = [*row["age_ms"].values(), *row["beyond_network_ms"].values()]
        lines.append(
            f"| {row['size'][0]}×{row['size'][1]} | {row['pictures']} | {row['dropped']:.1%} | "
            + " | ".join(f"{number:.1f}" for number in numbers)
            + " |"
        )
    lines += ["", "Medians of the tracker's own stages, ms:", ""]
    lines += ["| images | " + " | ".join(STAGES) + " |", "|---|" + "---:|" * len(STAGES)]
    for row in rows:
        stages = " | ".join(f"{row['stages_ms'][stage]:.1f}" for stage in STAGES)
        lines.append(f"| {row['size'][0]}×{row['size'][1]} | {stages} |")
    return "\n".join(lines) + "\n"


def main(path: Path) -> None:
    """Measures all sizes, and writes the page and the JSON file."""
    about = machine("cpu")
    rows = []
    for size in SIZES:
        rows.append(measured(size))
        ages = ", ".join(f"{name} {value:.1f}" for name, value in rows[-1]["age_ms"].items())
        print(f"{size[0]}×{size[1]}: {ages} ms over {rows[-1]['pictures']} images", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    path.write_text(page(about, rows), encoding="utf-8")
    print(f"wrote {path}, {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
