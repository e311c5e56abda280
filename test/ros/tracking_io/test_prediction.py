"""Boxes at the time of publishing, over real ROS 2: off by default, told, and never invented."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from siammask_ros.msg import Track
from std_msgs.msg import Header
from support.moving_square import square_box, square_center
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until

from siammask_ros.geometry.motion import WINDOW_S

STEP_S = 0.05


def header_at(time_s: float) -> Header:
    seconds, rest_s = divmod(time_s, 1)
    return Header(stamp=Time(sec=int(seconds), nanosec=int(rest_s * 1e9)), frame_id="camera")


def center(box: Any) -> tuple[float, float]:
    return box.center.position.x, box.center.position.y


def test_without_being_asked_for_no_box_is_moved() -> None:
    with NodeBench() as bench:
        bench.started(0)
        for index in range(1, 6):
            (track,) = bench.assert_tracks(index).tracks
            assert track.predicted_ms == 0
            assert track.box == track.observed_box


def there_and_back(step: int) -> int:
    """Which picture shows the square after so many steps: 40 along its line, 40 back."""
    return 40 - abs(40 - step % 80)


def test_a_box_is_where_the_target_is_when_it_is_published() -> None:
    with NodeBench(predict_max_age_s=1.0) as bench:
        client = bench.client
        bench.started(0)
        began_s = time.time() + 0.1
        sent: list[tuple[float, float, float]] = []
        deadline_s = time.monotonic() + 30
        predicted_ms = 0.0
        while not predicted_ms and time.monotonic() < deadline_s:
            # The square is where its stamp says, however slow this machine is.
            step = max(int((time.time() - began_s) / STEP_S), 0)
            index, taken_s = there_and_back(step), began_s + step * STEP_S
            header = client.send(index, header_at(taken_s))
            (track,) = client.of_stamp(f"{NODE}/tracks", header).tracks
            sent.append((taken_s - began_s, *square_center(index)))
            predicted_ms = track.predicted_ms
            time.sleep(STEP_S)
        detections = client.of_stamp(f"{NODE}/detections", header)
        latency = client.of_stamp(f"{NODE}/latency", header)
    assert 0 < predicted_ms <= latency.age_ms + 1
    recent = [each for each in sent if sent[-1][0] - each[0] <= WINDOW_S]
    times_s, *centers = np.array(recent).T
    velocity = [np.polyfit(times_s, each, 1)[0] for each in centers]
    shift = np.subtract(center(track.box), center(track.observed_box))
    assert shift == pytest.approx(np.array(velocity) * predicted_ms / 1e3, abs=2)
    assert math.hypot(*shift) > 0.1
    assert center(track.observed_box) == pytest.approx(square_center(index), abs=4)
    assert (track.box.size_x, track.box.center.theta) == (
        track.observed_box.size_x,
        track.observed_box.center.theta,
    )
    (detection,) = detections.detections
    assert detection.bbox == track.box
    corners = np.array([(corner.x, corner.y) for corner in track.corners])
    assert corners.mean(axis=0) == pytest.approx(center(track.box))
    outline = np.array([(point.x, point.y) for point in track.outline])
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    assert middle == pytest.approx(square_center(index), abs=4)


def test_what_is_not_tracking_is_not_predicted() -> None:
    with NodeBench(predict_max_age_s=1.0) as bench:
        bench.started(0)
        for index in range(1, 8):
            bench.client.answer(index)
        for index in range(8, 14):
            (track,) = bench.client.answer(index, visible=False).tracks
            assert track.state != Track.TRACKING
            assert track.predicted_ms == 0
            assert track.box == track.observed_box


@pytest.mark.parametrize("behind_s", [3600.0, -5.0])
def test_an_image_that_is_too_old_or_from_the_future_is_not_predicted_from(
    behind_s: float,
) -> None:
    with NodeBench(predict_max_age_s=1.0) as bench:

        def header() -> Any:
            made = bench.client.header()
            made.stamp.sec -= int(behind_s)
            return made

        first = bench.client.send(0, header())
        bench.client.of_stamp(f"{NODE}/tracks", first)
        bench.client.send_box(square_box(0), "1", first)
        session = bench.session
        wait_until(lambda: "1" in session.health().statuses, "the target to be known")
        for index in range(1, 7):
            answer = bench.client.of_stamp(f"{NODE}/tracks", bench.client.send(index, header()))
            track = assert_on_square(answer, index)
            assert track.predicted_ms == 0
