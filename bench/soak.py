"""Whether anything grows in the tracker node's process over many frames.

`python bench/soak.py --frames 100000 --out FOLDER` plays pictures to the node as a process of its
own, with the fake engine or, with --engine lite, the shipped network. All the while targets come
and go, images and boxes are refused, parameters change, and the node goes down and up through its
states. FOLDER gets soak.json and soak.png; the exit code is 1 where memory, threads or
descriptors grow.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]
if __name__ == "__main__":
    import conftest  # noqa: F401

import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from rclpy.context import Context  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from support.moving_square import picture, square_box  # noqa: E402
from support.node_bench import NODE, Client, own_domain  # noqa: E402

from siammask_ros.geometry.boxes import RotatedBox  # noqa: E402
from siammask_ros.ros.tracking_io.messages import build_image  # noqa: E402

COMMANDS = {
    "fake": [ROOT / "test" / "support" / "fake_tracker.py"],
    "lite": ["-m", "siammask_ros.ros.nodes.tracker"],
}
PARAMETERS = ("-p", "autostart:=true", "-p", "max_targets:=4")
PICTURES = [picture(index, 240, 180) for index in range(12)]
ANSWER_S = 1.0
START_S = 120.0
SAMPLES = 200
FRAMES_PER_ROUND = 503
# What is allocated once, at the first use of everything, is no leak.
SETTLED_SHARE = 0.2
MOST_MB_PER_10_000_FRAMES = 1.0


@dataclass(frozen=True)
class Sample:
    """The node's process after so many frames."""

    frames: int
    seconds: float
    memory_mb: float
    threads: int
    descriptors: int

    @classmethod
    def of(cls, pid: int, frames: int, seconds: float) -> Sample:
        """Read the sample of the process from /proc."""
        process = Path(f"/proc/{pid}")
        pages = int((process / "statm").read_text().split()[1])
        return cls(
            frames,
            round(seconds, 1),
            round(pages * os.sysconf("SC_PAGESIZE") / 2**20, 2),
            len(list((process / "task").iterdir())),
            len(list((process / "fd").iterdir())),
        )


class Load:
    """Frames for the node and everything that happens beside them, each at its own period."""

    def __init__(self, client: Client, frames_per_round: int) -> None:
        self._client = client
        self.frames = 0
        self.rounds = 0
        # Prime periods: all of it meets in every combination sooner or later.
        self._beside: list[tuple[int, Callable[[], None]]] = [
            (23, self._follow),
            (41, self._forget),
            (53, self._send_bad_image),
            (67, self._send_bad_box),
            (211, self._set_parameter),
            (frames_per_round, self._go_down_and_up),
        ]

    def frame(self) -> None:
        """One more frame, answered, and what is due with it."""
        for heard in self._client.heard.values():
            heard.clear()
        self.answered()
        self.frames += 1
        for period, action in self._beside:
            if self.frames % period == 0:
                action()

    def answered(self, timeout_s: float = START_S) -> None:
        """Sends the next picture until one of it is answered: a best-effort image may be lost."""
        until_s = time.monotonic() + timeout_s
        stamps = []
        while time.monotonic() < until_s:
            header = self._client.header()
            stamps.append((header.stamp.sec, header.stamp.nanosec))
            image = PICTURES[self.frames % len(PICTURES)]
            self._client.images.publish(build_image(header, image))
            again_s = time.monotonic() + ANSWER_S
            while time.monotonic() < again_s:
                for answer in list(self._client.heard[f"{NODE}/tracks"]):
                    if (answer.header.stamp.sec, answer.header.stamp.nanosec) in stamps:
                        return
                time.sleep(0.001)
        raise SystemExit(f"error: no answer for {timeout_s:.0f} s after frame {self.frames}")

    def _follow(self) -> None:
        self._client.send_box(square_box(self.frames % len(PICTURES)), str(self.frames // 23 % 3))

    def _forget(self) -> None:
        self._client.forget.publish(String(data=str(self.frames // 41 % 3)))

    def _send_bad_image(self) -> None:
        message = build_image(self._client.header(), PICTURES[0])
        message.encoding = "no such encoding"
        self._client.images.publish(message)

    def _send_bad_box(self) -> None:
        self._client.send_box(RotatedBox(-500.0, -500.0, 3.0, 3.0), "bad")

    def _set_parameter(self) -> None:
        self._client.set_parameters(size_rate=0.3 + 0.1 * (self.frames % 3))

    def _go_down_and_up(self) -> None:
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            if not self._client.change_state(transition):
                raise SystemExit(f"error: {transition} failed after frame {self.frames}")
        self.rounds += 1
        self.answered()


def soak(
    frames: int, engine: str, log: Path, frames_per_round: int = FRAMES_PER_ROUND
) -> tuple[list[Sample], int]:
    """Samples of the node's process over so many frames, and how often it went down and up."""
    domain_id = own_domain()
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[engine], "--ros-args", *PARAMETERS],
            env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    client = Client(context)
    try:
        load = Load(client, frames_per_round)
        load.answered()
        began_s = time.monotonic()
        samples = []
        for _ in range(frames):
            load.frame()
            if load.frames % max(frames // SAMPLES, 1) == 0:
                since_s = time.monotonic() - began_s
                samples.append(Sample.of(process.pid, load.frames, since_s))
                print(samples[-1], flush=True)
        return samples, load.rounds
    finally:
        process.terminate()
        process.wait()
        client.close()
        rclpy.shutdown(context=context)


def judged(samples: list[Sample], rounds: int, engine: str) -> dict[str, Any]:
    """The samples with what they say about growth, once everything has been used."""
    settled = samples[int(len(samples) * SETTLED_SHARE) :]
    early, late = settled[: len(settled) // 4], settled[-len(settled) // 4 :]
    slope, _ = np.polyfit([s.frames for s in settled], [s.memory_mb for s in settled], 1)
    growth = {
        name: max(getattr(s, name) for s in late) - max(getattr(s, name) for s in early)
        for name in ("threads", "descriptors")
    }
    return {
        "engine": engine,
        "frames": samples[-1].frames,
        "seconds": samples[-1].seconds,
        "lifecycle_rounds": rounds,
        "memory_slope_mb_per_10000_frames": round(float(slope) * 1e4, 3),
        "more_threads": growth["threads"],
        "more_descriptors": growth["descriptors"],
        "grows": bool(slope * 1e4 >= MOST_MB_PER_10_000_FRAMES or max(growth.values()) > 0),
        "samples": [asdict(sample) for sample in samples],
    }


def draw(path: Path, samples: list[Sample]) -> None:
    """Memory over the frames, and below it threads and descriptors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), dpi=110, layout="constrained")
    memory, counts = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    frames = [sample.frames for sample in samples]
    memory.plot(frames, [sample.memory_mb for sample in samples], color="#0072B2")
    memory.set_ylim(0, 1.25 * max(sample.memory_mb for sample in samples))
    memory.set_ylabel("memory, MB")
    for name, colour in (("threads", "#D55E00"), ("descriptors", "#009E73")):
        counts.plot(frames, [getattr(s, name) for s in samples], color=colour, label=name)
    counts.set_ylim(0, 1.25 * max(max(s.threads, s.descriptors) for s in samples))
    counts.set_xlabel("frame")
    counts.legend(loc="lower right", frameon=False)
    memory.set_title("The tracker node's process", loc="left")
    figure.savefig(path)


def main(arguments: list[str] | None = None) -> int:
    """Run the soak, write its report and return the exit code."""
    parser = argparse.ArgumentParser(description="does anything grow over many frames?")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument(
        "--frames-per-round",
        type=int,
        default=FRAMES_PER_ROUND,
        help="frames between two rounds through the node's states",
    )
    parser.add_argument("--engine", choices=list(COMMANDS), default="fake")
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "node.log"
    samples, rounds = soak(options.frames, options.engine, log, options.frames_per_round)
    report = judged(samples, rounds, options.engine)
    (options.out / "soak.json").write_text(json.dumps(report, indent=1))
    draw(options.out / "soak.png", samples)
    print(json.dumps({name: value for name, value in report.items() if name != "samples"}))
    return int(report["grows"])


if __name__ == "__main__":
    sys.exit(main())
