"""What the player and the recorder wrote down, put together frame by frame."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STAGES = ("transport", "wait", "convert", "crop", "network", "select", "mask", "publish")


@dataclass(slots=True)
class PlayedFrame:
    """One published image and all that was answered to it; ``answers`` by kind of message."""

    number: int
    stamp_ns: int
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_processed(self) -> bool:
        """Whether the tracker answered this image."""
        return "latency" in self.answers

    @property
    def targets(self) -> Sequence[Mapping[str, Any]]:
        """The tracks that the image got."""
        found: Sequence[Mapping[str, Any]] = self.answers.get("tracks", {}).get("targets", ())
        return found

    @property
    def is_tracked(self) -> bool:
        """Whether a target was seen for sure, and its box and mask came out."""
        states = [target["state"] for target in self.targets]
        boxes = self.answers.get("detections", {}).get("detections")
        return "TRACKING" in states and bool(boxes) and "mask" in self.answers

    @property
    def is_lost(self) -> bool:
        """Whether the tracker said that it does not see the target."""
        return any(target["state"] == "LOST" for target in self.targets)

    @property
    def age_ms(self) -> float:
        """How old the answer was when it left; raises KeyError where there is none."""
        return float(self.answers["latency"]["age_ms"])

    def mask(self) -> NDArray[np.uint8] | None:
        """The published mask (H, W), 0 or 1, or None."""
        row = self.answers.get("mask")
        if row is None:
            return None
        packed = np.frombuffer(zlib.decompress(base64.b64decode(row["bits"])), np.uint8)
        rows = packed.reshape(row["height"], -1)
        return np.unpackbits(rows, axis=1, count=row["width"])


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run: its frames in order, and the frame on which the target was shown."""

    frames: list[PlayedFrame]
    box_on_frame: int | None

    @classmethod
    def read(cls, played: Path, recorded: Path) -> Run:
        """From the player's list of ``number stamp_ns`` and the recorder's lines of JSON."""
        frames = [
            PlayedFrame(int(number), int(stamp_ns))
            for number, stamp_ns in map(str.split, played.read_text(encoding="utf-8").splitlines())
        ]
        by_stamp = {frame.stamp_ns: frame for frame in frames}
        for row in _rows(recorded):
            frame = by_stamp.get(row["stamp_ns"])
            if frame is not None:
                # Once images stop, the last one's tracks are said again as STALE.
                frame.answers.setdefault(row["kind"], row)
        shown = [frame.number for frame in frames if "box" in frame.answers]
        return cls(frames, shown[0] if shown else None)

    @property
    def processed_frames(self) -> list[PlayedFrame]:
        """The frames that were answered."""
        return [frame for frame in self.frames if frame.is_processed]

    def ages_ms(self) -> list[float]:
        """The age of every answer."""
        return [frame.age_ms for frame in self.processed_frames]

    def stages_ms(self) -> dict[str, list[float]]:
        """Every stage's time in every answered frame."""
        return {
            stage: [
                float(frame.answers["latency"][f"{stage}_ms"]) for frame in self.processed_frames
            ]
            for stage in STAGES
        }

    def summary(self) -> dict[str, Any]:
        """The run in numbers; the ``first`` age is that of the first answer with a target."""
        ages = self.ages_ms()
        published, processed = len(self.frames), len(ages)
        tracked_ms = [frame.age_ms for frame in self.processed_frames if frame.is_tracked]
        first = {"first": tracked_ms[0]} if tracked_ms else {}
        shares = {f"p{share}": float(np.percentile(ages, share)) for share in (50, 95, 99) if ages}
        return {
            "frames_published": published,
            "frames_processed": processed,
            "frames_dropped": published - processed,
            "frames_tracked": sum(frame.is_tracked for frame in self.frames),
            "frames_lost": sum(frame.is_lost for frame in self.frames),
            "box_on_frame": self.box_on_frame,
            "age_ms": first | shares,
        }


def _rows(recorded: Path) -> Iterator[dict[str, Any]]:
    if not recorded.exists():  # without a row there is no file
        return
    with recorded.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
