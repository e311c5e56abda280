"""Results as messages: units, orders and angles, and never a number that is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support.session_bench import SessionBench
from vision_msgs.msg import Detection2D

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.ros.tracking_io.messages import (
    build_detections,
    build_header,
    build_latency,
    build_tracks,
    read_box,
)
from siammask_ros.session import FrameResult, TrackedTarget
from siammask_ros.tracker.targets import Status


@pytest.fixture
def answer() -> FrameResult:
    with SessionBench() as bench:
        bench.started(0)
        return bench.answer(1)


def with_target(answer: FrameResult, unseen_s: float = 0.0, **changes: object) -> FrameResult:
    (target,) = answer.targets
    result = replace(target.result, **changes)  # type: ignore[arg-type]
    return replace(answer, targets=(TrackedTarget("1", result, unseen_s),))


def test_a_header_is_that_of_the_image(answer: FrameResult) -> None:
    header = build_header(answer.frame)
    assert header.stamp.sec * 10**9 + header.stamp.nanosec == answer.frame.stamp_ns
    assert header.frame_id == "camera"


@pytest.mark.parametrize("theta", [0.0, 0.4, -1.2, math.pi])
def test_size_x_lies_along_theta_clockwise_on_the_screen(answer: FrameResult, theta: float) -> None:
    box = RotatedBox(100.0, 80.0, 60.0, 20.0, theta)
    (detection,) = build_detections(with_target(answer, box=box)).detections
    (track,) = build_tracks(with_target(answer, box=box)).tracks
    assert (detection.bbox.size_x, detection.bbox.size_y) == (60.0, 20.0)
    assert detection.bbox.center.theta == pytest.approx(theta)
    corners = np.array([(corner.x, corner.y) for corner in track.corners])
    along = corners[1] - corners[0]
    assert along == pytest.approx((60 * math.cos(theta), 60 * math.sin(theta)))
    across = corners[2] - corners[1]
    # With y down, a positive cross product turns clockwise as seen on the screen.
    assert along[0] * across[1] - along[1] * across[0] == pytest.approx(60 * 20)


@pytest.mark.parametrize(
    ("status", "unseen_s", "shown"),
    [
        (Status.TRACKING, 0.0, True),
        (Status.UNCERTAIN, 0.0, True),
        (Status.UNCERTAIN, 0.04, False),
        (Status.LOST, 0.0, False),
        (Status.STALE, 0.0, False),
    ],
)
def test_only_what_the_image_shows_is_a_detection(
    answer: FrameResult, status: Status, unseen_s: float, shown: bool
) -> None:
    changed = with_target(answer, unseen_s, status=status)
    assert len(build_detections(changed).detections) == shown
    (track,) = build_tracks(changed).tracks
    assert track.state == status


def test_the_time_since_a_target_was_seen_is_told_to_the_nanosecond(answer: FrameResult) -> None:
    (track,) = build_tracks(with_target(answer, 61.5)).tracks
    assert (track.time_since_seen.sec, track.time_since_seen.nanosec) == (61, 500_000_000)


def test_an_outline_is_told_with_few_points_that_keep_its_shape(answer: FrameResult) -> None:
    angles = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    circle = np.stack([100 + 50 * np.cos(angles), 90 + 50 * np.sin(angles)], 1).round()
    (track,) = build_tracks(with_target(answer, outline=circle.astype(np.int32))).tracks
    distances = [math.dist((point.x, point.y), (100, 90)) for point in track.outline]
    assert 10 < len(track.outline) < 100
    assert min(distances) > 48
    assert max(distances) < 52


def test_the_age_of_an_answer_counts_from_the_stamp(answer: FrameResult) -> None:
    frame = replace(answer.frame, transport_ms=7.0, convert_ms=1.0)
    left_s = frame.arrived_s + 0.03
    latency = build_latency(replace(answer, frame=frame), 2.0, left_s)
    assert (latency.transport_ms, latency.convert_ms, latency.publish_ms) == (7.0, 1.0, 2.0)
    assert latency.age_ms == pytest.approx(37.0)
    assert latency.network_ms == pytest.approx(answer.stages_ms["network"])


def test_a_box_message_is_read_with_its_angle() -> None:
    detection = Detection2D()
    detection.bbox.center.position.x, detection.bbox.center.position.y = 3.0, 4.0
    detection.bbox.center.theta = 0.5
    detection.bbox.size_x, detection.bbox.size_y = 30.0, 10.0
    assert read_box(detection.bbox) == RotatedBox(3.0, 4.0, 30.0, 10.0, 0.5)
