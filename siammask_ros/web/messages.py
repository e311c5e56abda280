"""Encoding of frames and status for the page.

A frame is one binary message: the length of its JSON (4 bytes, little endian), the JSON, the JPEG.
Everything else is JSON text with a `kind`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.media.drawing import DrawnTarget, colour_of
from siammask_ros.media.recording import plain
from siammask_ros.web.feed import STAGES, AnnotatedFrame, Image, Latency, Status

LEVELS = ("OK", "WARN", "ERROR", "STALE")
MAX_LATENCIES = 120
MAX_DIAGNOSTICS = 24


class EncodedFrame(NamedTuple):
    """A frame that is ready to be sent."""

    number: int
    data: bytes


def encode_frame(frame: AnnotatedFrame, number: int, quality: int, max_side_px: int) -> bytes:
    """Encode a frame; coordinates refer to the full image even if the JPEG is smaller."""
    height, width = frame.image.shape[:2]
    about = {
        "kind": "frame",
        "number": number,
        "stamp": str(frame.stamp_ns),
        "width": width,
        "height": height,
        "targets": None
        if frame.targets is None
        else [_encode_target(each) for each in frame.targets],
    }
    head = _to_json(about).encode()
    return struct.pack("<I", len(head)) + head + _encode_jpeg(frame.image, quality, max_side_px)


def status_message(status: Status, recording: Mapping[str, Any], sent_hz: float) -> str:
    """Encode the status, including the numbers that the page would otherwise compute."""
    return _to_json(
        {
            "kind": "status",
            "source": status.source,
            "since_frame_s": status.since_frame_s,
            "stale_after_s": status.stale_after_s,
            "box_timeout_s": status.box_timeout_s,
            "camera_hz": status.camera_hz,
            "answers_hz": status.answers_hz,
            "sent_hz": sent_hz,
            "received": status.received,
            "processed": status.processed,
            "dropped": status.dropped,
            "is_tracker_there": status.is_tracker_there,
            "paused": status.paused,
            "engine": dict(status.engine),
            "targets": [_encode_target(each) for each in status.targets],
            "latency": latency_values(status.latencies),
            "diagnostics": [
                {"level": LEVELS[min(each.level, 3)], "name": each.name, "text": each.message}
                for each in status.diagnostics[:MAX_DIAGNOSTICS]
            ],
            "recording": dict(recording),
            "problem": status.problem,
            "playback": status.playback,
        }
    )


def latency_values(latencies: Sequence[Latency]) -> dict[str, Any]:
    """Return the stages of the newest frames, and p50, p95 and p99 of the age of all frames."""
    ages_ms = [each.age_ms for each in latencies]
    shares = np.percentile(ages_ms, (50, 95, 99)) if ages_ms else ()
    return {
        "stages": STAGES,
        "frames": [each.stages_ms for each in latencies[-MAX_LATENCIES:]],
        "age_ms": dict(zip(("p50", "p95", "p99"), shares, strict=False)),
    }


def reply(number: int | None, error: str = "", text: str = "") -> str:
    """Encode the reply to a command; ``number`` is the page's number of the command."""
    return _to_json({"kind": "reply", "to": number, "ok": not error, "text": error or text})


def _encode_target(target: DrawnTarget) -> dict[str, Any]:
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


def _encode_jpeg(image: Image, quality: int, max_side_px: int) -> bytes:
    scale = max_side_px / max(image.shape[:2])
    shown: NDArray[Any] = image
    if scale < 1:
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", shown, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return bytes(data)


def _to_json(message: Mapping[str, Any]) -> str:
    return json.dumps(plain(message, decimals=2), separators=(",", ":"), allow_nan=False)
