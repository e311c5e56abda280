"""From what was written down during a run to its frames, numbers and pictures."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.moving_square import picture, square_box

from siammask_ros.demo.record import STAGES, Run
from siammask_ros.demo.results import write_results
from siammask_ros.media.frames import open_source

FRAMES = 20
SIZE = (240, 320)


def square_mask(index: int) -> np.ndarray:
    left, top, width, height = (round(value) for value in square_box(index).bounding_xywh)
    mask = np.zeros(SIZE, np.uint8)
    mask[top : top + height, left : left + width] = 1
    return mask


def answers(index: int, state: str = "TRACKING") -> list[dict[str, Any]]:
    box = square_box(index)
    sides = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "theta": 0.0}
    target = {
        "id": "2",
        "state": state,
        "reason": "",
        "score": 0.9,
        "box": sides,
        "corners": box.corners_xy.tolist(),
        "contours": [box.corners_xy.round().tolist()],
        "mask_area_px": 48 * 48,
    }
    bits = zlib.compress(np.packbits(square_mask(index) > 0, axis=1).tobytes())
    latency = {f"{stage}_ms": 1.0 + i for i, stage in enumerate(STAGES)}
    rows: list[dict[str, Any]] = [
        {"kind": "tracks", "targets": [target]},
        {"kind": "detections", "detections": [{"id": "1", "score": 0.9, "box": sides}]},
        {"kind": "latency", **latency, "age_ms": 30.0 + index},
        {
            "kind": "mask",
            "height": SIZE[0],
            "width": SIZE[1],
            "bits": base64.b64encode(bits).decode(),
        },
    ]
    return [{"stamp_ns": stamp_ns(index), **row} for row in rows]


def stamp_ns(index: int) -> int:
    return 1_700_000_000_000_000_000 + index * 40_000_000


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Frames 2 to 19: the box on 2, frame 7 dropped, the target lost in 8."""
    played, recorded = tmp_path / "played.txt", tmp_path / "recorded.jsonl"
    numbers = range(2, FRAMES)
    played.write_text("".join(f"{index} {stamp_ns(index)}\n" for index in numbers))
    rows: list[dict[str, Any]] = [
        {"kind": "latency", **answers(2)[2], "stamp_ns": stamp_ns(2)},
        {"kind": "box", "stamp_ns": stamp_ns(2), "box_xywh": [200, 150, 80, 60]},
        {"kind": "latency", "stamp_ns": 12345, "age_ms": 1e6},
    ]
    for index in numbers:
        if index not in (2, 7):
            rows += answers(index, "LOST" if index == 8 else "TRACKING")
    rows.append(answers(FRAMES - 1, "STALE")[0])  # said again, because no image follows
    recorded.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Run.read(played, recorded)


def test_summary_counts_every_published_frame(run: Run) -> None:
    summary = run.summary()
    assert summary["frames_published"] == 18
    assert summary["frames_processed"] == 17
    assert summary["frames_dropped"] == 1
    assert summary["frames_tracked"] == 15, "not the first one, the dropped one, the lost one"
    assert summary["frames_lost"] == 1
    assert summary["box_on_frame"] == 2
    ages = [30.0 + index for index in range(2, FRAMES) if index != 7]
    assert summary["age_ms"]["first"] == 33.0, "the first one that was tracked"
    assert list(summary["age_ms"]) == ["first", "p50", "p95", "p99"]
    assert summary["age_ms"]["p50"] == pytest.approx(np.percentile(ages, 50))
    assert summary["age_ms"]["p95"] == pytest.approx(np.percentile(ages, 95))


def test_mask_comes_back_as_it_was(run: Run) -> None:
    frames = {frame.number: frame for frame in run.frames}
    mask = frames[5].mask()
    assert mask is not None
    assert np.array_equal(mask, square_mask(5))
    assert frames[7].mask() is None


def test_stages_are_those_of_the_answered_frames(run: Run) -> None:
    stages = run.stages_ms()
    assert list(stages) == list(STAGES)
    assert {len(values) for values in stages.values()} == {17}
    assert stages["wait"][0] == 2.0


def test_nothing_recorded_is_a_run_without_answers(tmp_path: Path) -> None:
    (tmp_path / "played.txt").write_text("0 5\n1 6\n")
    (tmp_path / "recorded.jsonl").write_text("")
    summary = Run.read(tmp_path / "played.txt", tmp_path / "recorded.jsonl").summary()
    assert (summary["frames_published"], summary["frames_processed"]) == (2, 0)
    assert summary["frames_tracked"] == 0
    assert summary["age_ms"] == {}


def test_results_show_the_recorded_answers(run: Run, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(images / f"{index:05d}.png"), picture(index))
    out = tmp_path / "out"
    for _ in range(2):  # the second run replaces what the first one left
        files = write_results(out, open_source(images, 2), run, {"model": "lite"})
    video, sheet, tracks, latency, summary = files
    assert open_source(video).length == 18
    drawn = {number + 2: image for number, image, *_ in open_source(video)}
    shown = np.abs(drawn[2].astype(int) - picture(2))[150:211, 195:205].max(axis=(1, 2))
    assert np.median(shown) > 40, "the left edge of the box that was given, dashed"
    x, y = (round(value) for value in (square_box(5).x, square_box(5).y))
    assert np.abs(drawn[5][y, x].astype(int) - picture(5)[y, x]).max() > 20, "the mask is tinted"
    x, y = (round(value) for value in (square_box(7).x, square_box(7).y))
    assert np.abs(drawn[7][y, x].astype(int) - picture(7)[y, x]).max() < 20, "nothing is invented"
    rows = [json.loads(line) for line in tracks.read_text().splitlines()]
    assert [row["frame"] for row in rows] == list(range(2, FRAMES))
    assert rows[3]["targets"][0]["state"] == "TRACKING"
    assert rows[3]["stamp_s"] == pytest.approx(0.12)
    assert (rows[5]["answered"], rows[5]["targets"]) == (False, [])
    assert json.loads(summary.read_text())["made_with"] == {"model": "lite"}
    assert all(cv2.imread(str(path)) is not None for path in (sheet, latency))
