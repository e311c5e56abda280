"""Boxes at the time of publishing, over real ROS 2: off by default, told, and never invented."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from moving_square import square_box, square_center
from node_bench import NODE, NodeBench, assert_on_square
from session_bench import wait_until
from siammask_ros.msg import Track

from siammask_ros.geometry.motion import FEWEST_SIGHTINGS, WINDOW_S


def seconds_of(header: Any) -> float:
    return float(header.stamp.sec + header.stamp.nanosec / 1e9)


def center(box: Any) -> tuple[float, float]:
    return box.center.position.x, box.center.position.y


def test_without_being_asked_for_no_box_is_moved() -> None:
    with NodeBench() as bench:
        bench.started(0)
        for index in range(1, 6):
            (track,) = bench.assert_tracks(index).tracks
            assert track.predicted_ms == 0
            assert track.box == track.observed_box


def test_a_box_is_where_the_target_is_when_it_is_published() -> None:
    with NodeBench(predict_max_age_s=1.0) as bench:
        bench.engine.delay_s = 0.05
        bench.started(0)
        sent: list[tuple[float, float, float]] = []
        for index in range(1, 40):
            header = bench.client.send(index)
            sent.append((seconds_of(header), *square_center(index)))
            (track,) = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
            recent = [each for each in sent if sent[-1][0] - each[0] <= WINDOW_S]
            if len(recent) > FEWEST_SIGHTINGS and track.predicted_ms:
                break
        detections = bench.client.of_stamp(f"{NODE}/detections", header)
        latency = bench.client.of_stamp(f"{NODE}/latency", header)
    assert 50 <= track.predicted_ms <= latency.age_ms + 1
    times_s, *centers = np.array(recent).T
    velocity = [np.polyfit(times_s - times_s[0], each, 1)[0] for each in centers]
    shift = np.subtract(center(track.box), center(track.observed_box))
    assert shift == pytest.approx(np.array(velocity) * track.predicted_ms / 1e3, abs=2.5)
    assert math.hypot(*shift) > 1
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
    assert outline.mean(axis=0) == pytest.approx(square_center(index), abs=4)


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
        session = bench.node._session
        wait_until(lambda: "1" in session.health().statuses, "the target to be known")
        for index in range(1, 7):
            answer = bench.client.of_stamp(f"{NODE}/tracks", bench.client.send(index, header()))
            track = assert_on_square(answer, index)
            assert track.predicted_ms == 0
