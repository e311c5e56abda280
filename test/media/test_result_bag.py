"""A result bag holds what the node would have published, under the source's stamps."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.square_bag import RECORDED_AFTER_NS, stamp_of

from siammask_ros.errors import DataError
from siammask_ros.media.bag_types import result_types
from siammask_ros.media.frames import Origin, SourceFrame
from siammask_ros.media.result_bag import ResultBag
from siammask_ros.media.tracked_targets import draw_tracked_targets
from siammask_ros.ros.tracking_io import messages
from siammask_ros.session import Frame, FrameResult, TrackedTarget
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

FRAMES = 5
NODE = "/siammask_tracker"
# What vision_msgs 4.1.1 has: another hash is another type to every reader.
DETECTIONS_HASH = "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"


def answers() -> list[FrameResult]:
    """What a tracker says of the square; in the last picture it is said to be lost."""
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    states = tracker.start(picture(0), [square_box(0)])
    found = []
    for index in range(FRAMES):
        (result,), states = tracker.step(picture(index), states)
        target = TrackedTarget("1", result, 0.0)
        if index == FRAMES - 1:
            lost = replace(result, status=Status.LOST, reason="gone", mask=None)
            target = TrackedTarget("1", lost, 1.25)
        frame = Frame(picture(index), stamp_of(index), 0.0, "camera_optical")
        found.append(FrameResult(frame, (target,), 1))
    return found


def write_results(path: Path) -> list[FrameResult]:
    found = answers()
    with ResultBag(path) as bag:
        for index, answer in enumerate(found):
            write(bag, source_frame(index), answer)
    return found


def write(bag: ResultBag, frame: SourceFrame, answer: FrameResult) -> None:
    bag.write(frame, answer.mask(), answer.targets, draw(answer))


def draw(answer: FrameResult) -> Any:
    return draw_tracked_targets(answer.frame.image, answer.targets, "0 ms")


def source_frame(index: int) -> SourceFrame:
    origin = Origin(stamp_of(index), "camera_optical", stamp_of(index) + RECORDED_AFTER_NS)
    return SourceFrame(index, picture(index), index * 0.05, origin)


def read(path: Path) -> dict[str, list[tuple[int, Any]]]:
    """By topic, when each message was recorded and what rclpy makes of it."""
    found: dict[str, list[tuple[int, Any]]] = {}
    with Reader(path) as bag:
        for connection, recorded_ns, data in bag.messages():
            package, _, name = connection.msgtype.split("/")
            kind = getattr(importlib.import_module(f"{package}.msg"), name)
            message = deserialize_message(bytes(data), kind)
            found.setdefault(connection.topic, []).append((recorded_ns, message))
    return found


def test_messages_are_those_that_the_node_publishes(tmp_path: Path) -> None:
    expected = write_results(tmp_path / "results")
    found = read(tmp_path / "results")
    topics = {"mask", "detections", "tracks", "overlay/compressed"}
    assert set(found) == {f"{NODE}/{topic}" for topic in topics}
    for topic, make in (
        ("tracks", messages.build_tracks),
        ("detections", messages.build_detections),
        ("mask", lambda each: messages.build_image(messages.build_header(each.frame), each.mask())),
        (
            "overlay/compressed",
            lambda each: messages.build_jpeg(messages.build_header(each.frame), draw(each)),
        ),
    ):
        recorded = [recorded_ns for recorded_ns, _ in found[f"{NODE}/{topic}"]]
        assert recorded == [stamp_of(index) + RECORDED_AFTER_NS for index in range(FRAMES)]
        ours = [message for _, message in found[f"{NODE}/{topic}"]]
        assert ours == [make(answer) for answer in expected]
    last = found[f"{NODE}/tracks"][-1][1].tracks[0]
    assert (last.state, last.reason, last.time_since_seen.nanosec) == (3, "gone", 250_000_000)
    assert [len(each.detections) for _, each in found[f"{NODE}/detections"]] == [1, 1, 1, 1, 0]
    assert np.count_nonzero(found[f"{NODE}/mask"][0][1].data) > 1000


def test_types_are_known_by_the_hashes_that_everybody_uses(tmp_path: Path) -> None:
    write_results(tmp_path / "results")
    with Reader(tmp_path / "results") as bag:
        digests = {each.topic: each.digest for each in bag.connections}
        definitions = {each.topic: each.msgdef.data for each in bag.connections}
    assert digests[f"{NODE}/detections"] == DETECTIONS_HASH
    types = result_types()
    assert digests[f"{NODE}/tracks"] == types.hash_rihs01("siammask_ros/msg/TrackArray")
    assert built_hash("siammask_ros", "TrackArray") == digests[f"{NODE}/tracks"]
    assert "uint32 config_serial" in definitions[f"{NODE}/tracks"]


def built_hash(package: str, name: str) -> str:
    """The hash of a type as ROS 2's own generator made it."""
    import json

    from ament_index_python.packages import get_package_share_directory

    file = Path(get_package_share_directory(package)) / "msg" / f"{name}.json"
    hashes = json.loads(file.read_text(encoding="utf-8"))["type_hashes"]
    (found,) = (
        each["hash_string"] for each in hashes if each["type_name"] == f"{package}/msg/{name}"
    )
    return str(found)


def test_a_picture_without_a_message_counts_from_the_start_of_its_source(tmp_path: Path) -> None:
    (answer, *_) = answers()
    with ResultBag(tmp_path / "results") as bag:
        for index in range(3):
            frame = SourceFrame(index, picture(index), index / 25)
            write(bag, frame, answer)
    stamps = [
        (recorded_ns, message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
        for recorded_ns, message in read(tmp_path / "results")[f"{NODE}/tracks"]
    ]
    assert stamps == [(0, 0), (40_000_000, 40_000_000), (80_000_000, 80_000_000)]


def test_the_same_results_make_the_same_bag_bit_for_bit(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_results(tmp_path / name / "results")
    for file in ("results.mcap", "metadata.yaml"):
        first, second = (tmp_path / name / "results" / file for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_without_a_result_no_bag_is_left(tmp_path: Path) -> None:
    with ResultBag(tmp_path / "results"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bag_is_refused(tmp_path: Path) -> None:
    write_results(tmp_path / "results")
    before = (tmp_path / "results" / "results.mcap").read_bytes()
    with pytest.raises(DataError, match="exists already"):
        ResultBag(tmp_path / "results")
    assert (tmp_path / "results" / "results.mcap").read_bytes() == before
