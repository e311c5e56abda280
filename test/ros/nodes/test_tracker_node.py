"""The tracker node over real ROS 2, with nothing going wrong."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from support.moving_square import picture, square_center
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until

from siammask_ros.ros.tracking_io.conversions import image_to_bgr


def test_a_target_is_followed_and_every_output_carries_the_header_of_its_image() -> None:
    with NodeBench() as bench:
        bench.started(0)
        for index in range(1, 6):
            bench.assert_tracks(index)
        header = bench.client.send(6)
        tracks = bench.client.of_stamp(f"{NODE}/tracks", header)
        detections = bench.client.of_stamp(f"{NODE}/detections", header)
        mask = bench.client.of_stamp(f"{NODE}/mask", header)
        latency = bench.client.of_stamp(f"{NODE}/latency", header)
    for message in (tracks, detections, mask, latency):
        assert message.header == header
    track = assert_on_square(tracks, 6)
    (detection,) = detections.detections
    assert detection.header == header
    assert detection.id == "1"
    assert detection.bbox == track.box
    (hypothesis,) = detection.results
    assert hypothesis.hypothesis.class_id == "target"
    assert hypothesis.hypothesis.score == pytest.approx(track.score)
    corners = np.array([(corner.x, corner.y) for corner in track.corners])
    assert corners.mean(axis=0) == pytest.approx(square_center(6), abs=3)
    assert (mask.encoding, mask.width, mask.height, mask.step) == ("mono8", 320, 240, 320)
    pixels = np.asarray(mask.data).reshape(240, 320)
    assert set(np.unique(pixels)) == {0, 255}
    assert np.count_nonzero(pixels) == track.mask_area
    assert 3 < len(track.outline) < 60


def test_the_latency_says_where_the_time_went() -> None:
    with NodeBench() as bench:
        bench.engine.delay_s = 0.03
        bench.started(0)
        header = bench.client.send(1)
        latency = bench.client.of_stamp(f"{NODE}/latency", header)
    assert latency.network_ms >= 30
    stages = [
        getattr(latency, f"{stage}_ms")
        for stage in (
            "transport",
            "convert",
            "wait",
            "crop",
            "network",
            "select",
            "mask",
            "publish",
        )
    ]
    assert min(stages) >= 0
    assert sum(stages) <= latency.age_ms < 10_000
    assert (latency.received, latency.processed, latency.dropped) == (2, 2, 0)


def test_the_overlay_is_drawn_only_while_someone_listens() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        topic = f"{NODE}/overlay"
        subscription = bench.client.listen(Image, topic)
        publisher = bench.node._topics._overlay
        wait_until(lambda: publisher.get_subscription_count() > 0, "a reader of the overlay")
        header = bench.client.send(2)
        overlay = bench.client.of_stamp(topic, header)
        drawn = image_to_bgr(overlay, 1000)
        assert drawn.shape == (240, 320, 3)
        assert not np.array_equal(drawn, picture(2))
        bench.client.node.destroy_subscription(subscription)
        wait_until(lambda: publisher.get_subscription_count() == 0, "nobody to read the overlay")
        count = len(bench.client.heard[topic])
        bench.assert_tracks(3)
        assert len(bench.client.heard[topic]) == count


def test_a_target_that_cannot_be_seen_has_a_lost_track_and_no_detection() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        for index in range(2, 8):
            header = bench.client.send(index, visible=False)
            tracks = bench.client.of_stamp(f"{NODE}/tracks", header)
            detections = bench.client.of_stamp(f"{NODE}/detections", header)
            mask = bench.client.of_stamp(f"{NODE}/mask", header)
        (track,) = tracks.tracks
        assert track.state == track.LOST
        assert "score" in track.reason
        assert track.time_since_seen.sec + track.time_since_seen.nanosec > 0
        assert (track.mask_area, list(track.outline)) == (0, [])
        assert detections.detections == []
        assert not any(mask.data)


def test_services_forget_and_pause() -> None:
    with NodeBench() as bench:
        bench.started(0, "a")
        bench.started(0, "b")
        bench.client.forget.publish(String(data="a"))
        session = bench.session
        wait_until(lambda: list(session.health().statuses) == ["b"], "a to be forgotten")
        bench.assert_tracks(1, "b")
        assert bench.client.pause(True).success
        bench.client.send(2)
        bench.client.wait_for_status("image stream", 1, "paused; targets are kept on /image")
        assert bench.client.pause(False).success
        bench.assert_tracks(2, "b")
        answer = bench.client.reset()
        assert (answer.success, answer.message) == (True, "1 target forgotten")
        assert bench.client.answer(3).tracks == []
        bench.started(3)
        bench.assert_tracks(4)


def test_compressed_images_are_taken_instead() -> None:
    with NodeBench(image_transport="compressed") as bench:
        client = bench.client
        wait_until(lambda: client.compressed.get_subscription_count() > 0, "a subscriber")
        header = client.header()
        data = array("B", cv2.imencode(".jpg", picture(0))[1].tobytes())
        client.compressed.publish(CompressedImage(header=header, format="jpeg", data=data))
        assert client.of_stamp(f"{NODE}/tracks", header).tracks == []


def test_i3_diagnostics_come_every_second_in_three_parts_from_the_start() -> None:
    with NodeBench(active=False) as bench:
        status = bench.client.wait_for_status("inference", 1, "node is unconfigured")
        assert status.values == []
        bench.activate()
        bench.started(0)
        bench.assert_tracks(1)
        message = wait_until(
            lambda: next(
                (
                    message
                    for message in bench.client.heard["/diagnostics"]
                    if "answers in" in message.status[1].message
                ),
                None,
            ),
            "diagnostics of a running tracker",
        )
        heard = len(bench.client.heard["/diagnostics"])
        wait_until(lambda: len(bench.client.heard["/diagnostics"]) >= heard + 3, "three more")
        stamps = [
            m.header.stamp.sec + m.header.stamp.nanosec / 1e9
            for m in bench.client.heard["/diagnostics"][-3:]
        ]
    assert [status.name for status in message.status] == [
        "siammask_tracker: image stream",
        "siammask_tracker: inference",
        "siammask_tracker: targets",
    ]
    values = {item.key: item.value for item in message.status[1].values}
    assert (values["engine"], values["device"], values["sha256"]) == ("fake", "cpu", "0" * 64)
    assert {"answer p50 (ms)", "answer p95 (ms)", "answer p99 (ms)"} <= values.keys()
    assert np.diff(stamps) == pytest.approx([1.0, 1.0], abs=0.5)


def test_parameters_tell_what_they_mean_and_their_range() -> None:
    with NodeBench(active=False) as bench:
        rate = bench.node.describe_parameter("size_rate")
        targets = bench.node.describe_parameter("max_targets")
        transport = bench.node.describe_parameter("image_transport")
    assert "size" in rate.description
    (limits,) = rate.floating_point_range
    assert (limits.from_value, limits.to_value) == (0, 1)
    assert (targets.integer_range[0].from_value, targets.integer_range[0].to_value) == (1, 64)
    assert transport.additional_constraints == "one of: raw, compressed"
