"""Pictures and statuses as a page reads them: JSON, and JPEG behind it.

A picture is one binary message: the length of its JSON (4 bytes, little endian), the JSON, the
JPEG. Everything else is a text message of JSON with a `kind`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.drawing import colour_of
from siammask_ros.web.feed import STAGES, Image, Latency, Shot, Status, Target

LEVELS = ("OK", "WARN", "ERROR", "STALE")
SHOWN_LATENCIES = 120
MAX_DIAGNOSES = 24


class Picture(NamedTuple):
    """A picture on its way to pages."""

    number: int
    data: bytes


def picture_message(shot: Shot, number: int, quality: int, max_side_px: int) -> bytes:
    """A shot as one message; coordinates stay those of the whole picture, whatever is sent."""
    height, width = shot.image.shape[:2]
    about = {
        "kind": "picture",
        "number": number,
        "stamp": str(shot.stamp_ns),
        "width": width,
        "height": height,
        "targets": None if shot.targets is None else [_target(each) for each in shot.targets],
    }
    head = _text(about).encode()
    return struct.pack("<I", len(head)) + head + _jpeg(shot.image, quality, max_side_px)


def status_message(status: Status, recording: Mapping[str, Any], sent_hz: float) -> str:
    """How everything is, with the numbers that a page would otherwise have to compute."""
    return _text(
        {
            "kind": "status",
            "source": status.source,
            "since_picture_s": status.since_picture_s,
            "stale_after_s": status.stale_after_s,
            "choose_within_s": status.choose_within_s,
            "camera_hz": status.camera_hz,
            "answers_hz": status.answers_hz,
            "sent_hz": sent_hz,
            "received": status.received,
            "processed": status.processed,
            "dropped": status.dropped,
            "is_tracker_there": status.is_tracker_there,
            "paused": status.paused,
            "engine": dict(status.engine),
            "targets": [_target(each) for each in status.targets],
            "latency": latency_values(status.latencies),
            "diagnostics": [
                {"level": LEVELS[min(each.level, 3)], "name": each.name, "text": each.message}
                for each in status.diagnostics[:MAX_DIAGNOSES]
            ],
            "recording": dict(recording),
            "problem": status.problem,
            "playback": status.playback,
        }
    )


def latency_values(latencies: Sequence[Latency]) -> dict[str, Any]:
    """The newest frames stage by stage, and p50, p95 and p99 of the age over all of them."""
    ages_ms = [each.age_ms for each in latencies]
    shares = np.percentile(ages_ms, (50, 95, 99)) if ages_ms else ()
    return {
        "stages": STAGES,
        "frames": [each.stages_ms for each in latencies[-SHOWN_LATENCIES:]],
        "age_ms": dict(zip(("p50", "p95", "p99"), shares, strict=False)),
    }


def reply(number: int | None, error: str = "", text: str = "") -> str:
    """The answer to a command; ``number`` is the page's own of it."""
    return _text({"kind": "reply", "to": number, "ok": not error, "text": error or text})


def _target(target: Target) -> dict[str, Any]:
    blue, green, red = colour_of(target.target_id)
    return {
        "id": target.target_id,
        "state": target.state,
        "reason": target.reason,
        "searched": target.is_searched,
        "score": target.score,
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "corners": np.asarray(target.corners_xy, np.float64).ravel(),
        "contours": [np.asarray(each).ravel() for each in target.contours],
    }


def _jpeg(image: Image, quality: int, max_side_px: int) -> bytes:
    scale = max_side_px / max(image.shape[:2])
    shown: NDArray[Any] = image
    if scale < 1:
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", shown, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return bytes(data)


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(_plain(message), separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """The value as JSON knows it: arrays as lists, floats to 2 places, null for NaN and inf."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iu":
            return value.tolist()
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), 2) if math.isfinite(value) else None
    return value
