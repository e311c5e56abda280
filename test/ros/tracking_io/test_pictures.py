"""Whose each pixel is, and the overlay as JPEG: right, and made only while someone listens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.media.image_messages import decode_to_bgr
from siammask_ros.media.tracked_targets import draw_tracked_targets
from siammask_ros.ros.tracking_io.conversions import image_to_bgr
from siammask_ros.ros.tracking_io.messages import build_jpeg
from siammask_ros.session import Frame, FrameResult, TrackedTarget, Tracker
from siammask_ros.tracker.config import find_preset


def listen(bench: NodeBench, kind: Any, name: str) -> Any:
    """Subscribes to one of the node's pictures, which are only made for listeners."""
    topic = f"{NODE}/{name}"
    subscription = bench.client.listen(kind, topic)
    publisher = next(each for each in bench.node.publishers if each.topic_name == topic)
    wait_until(lambda: publisher.get_subscription_count() > 0, f"a reader of {topic}")
    return subscription


def test_a_pixel_names_the_track_that_it_belongs_to() -> None:
    with NodeBench() as bench:
        bench.started(0, "gone")
        for index in range(1, 6):
            bench.client.answer(index, visible=False)
        bench.started(6, "there")
        listen(bench, Image, "instance_mask")
        header = bench.client.send(7)
        tracks = bench.client.of_stamp(f"{NODE}/tracks", header)
        labels = bench.client.of_stamp(f"{NODE}/instance_mask", header)
        mask = bench.client.of_stamp(f"{NODE}/mask", header)
    assert labels.header == header
    assert (labels.encoding, labels.width, labels.height, labels.step) == ("mono8", 320, 240, 320)
    assert [track.id for track in tracks.tracks] == ["gone", "there"]
    pixels = np.asarray(labels.data).reshape(240, 320)
    assert np.array_equal(pixels > 0, np.asarray(mask.data).reshape(240, 320) == 255)
    shown = {k for k, track in enumerate(tracks.tracks, 1) if track.mask_area}
    assert 2 in shown
    assert set(np.unique(pixels)) - {0} <= shown


def test_a_lost_target_keeps_its_number_and_has_no_pixel() -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    states = tracker.start(picture(0), [square_box(0), square_box(0)])
    (lost, seen), _ = tracker.step(picture(1), states)
    targets = (
        TrackedTarget("1", replace(lost, mask=None), 1.0),
        TrackedTarget("2", seen, 0.0),
        TrackedTarget("3", replace(lost, mask=None), 1.0),
    )
    answer = FrameResult(Frame(picture(1), 0, 0.0), targets, 1)
    assert set(np.unique(answer.labels())) == {0, 2}
    assert np.array_equal(answer.mask() == 255, answer.labels() == 2)


def test_an_image_without_targets_belongs_to_nobody() -> None:
    with NodeBench() as bench:
        listen(bench, Image, "instance_mask")
        labels = bench.client.of_stamp(f"{NODE}/instance_mask", bench.client.send(0))
    assert not any(labels.data)


def test_instance_masks_are_made_only_while_someone_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    labels = FrameResult.labels

    def counted(answer: FrameResult) -> Any:
        made.append(answer)
        return labels(answer)

    with NodeBench() as bench:
        # The bench itself listens to ~/mask, which is made of the same labels.
        monkeypatch.setattr(FrameResult, "mask", lambda answer: np.zeros((2, 2), np.uint8))
        monkeypatch.setattr(FrameResult, "labels", counted)
        bench.started(0)
        bench.assert_tracks(1)
        assert not made
        listen(bench, Image, "instance_mask")
        bench.assert_tracks(2)
        wait_until(lambda: made, "labels for who listens")


def test_the_overlay_comes_as_jpeg_only_while_someone_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Any] = []

    def counted(image: Any, targets: Any, caption: str) -> Any:
        drawn.append(image)
        return draw_tracked_targets(image, targets, caption)

    monkeypatch.setattr("siammask_ros.ros.tracking_io.publishers.draw_tracked_targets", counted)
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        assert not drawn
        subscription = listen(bench, CompressedImage, "overlay/compressed")
        header = bench.client.send(2)
        jpeg = bench.client.of_stamp(f"{NODE}/overlay/compressed", header)
        assert jpeg.header == header
        assert jpeg.format == "bgr8; jpeg compressed bgr8"
        read = decode_to_bgr(jpeg, 1000)
        listen(bench, Image, "overlay")
        before = len(drawn)
        header = bench.client.send(3)
        raw = image_to_bgr(bench.client.of_stamp(f"{NODE}/overlay", header), 1000)
        again = bench.client.of_stamp(f"{NODE}/overlay/compressed", header)
        assert len(drawn) == before + 1, "one picture serves both"
        bench.client.node.destroy_subscription(subscription)
    assert read.shape == (240, 320, 3)
    assert np.abs(read.astype(int) - picture(2)).max() > 100, "nothing is drawn on it"
    assert again == build_jpeg(header, raw)
