"""auto_follow_class: a target is started from a detector's boxes while there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from siammask_ros.msg import Track
from std_msgs.msg import Header
from support.moving_square import square_box
from support.node_bench import NODE, NodeBench, box_message
from support.session_bench import Clock, wait_until
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.ros.tracking_io.auto_follow import AutoFollow, ScoredBox, choose_box
from siammask_ros.tracker.targets import Status

CENTER, LARGE, SURE = (
    RotatedBox(165, 118, 20, 20),
    RotatedBox(60, 60, 100, 80),
    RotatedBox(280, 200, 30, 30),
)
DETECTED = [
    ScoredBox(CENTER, {"person": 0.5}),
    ScoredBox(LARGE, {"person": 0.6}),
    ScoredBox(SURE, {"person": 0.9}),
    ScoredBox(RotatedBox(160, 120, 200, 200), {"dog": 0.99}),
]
SIZE = (240, 320)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param("nearest_to_center", CENTER, id="center"),
        pytest.param("largest", LARGE, id="largest"),
        pytest.param("best_score", SURE, id="score"),
    ],
)
def test_one_of_the_class_is_chosen(choice: str, expected: RotatedBox) -> None:
    assert choose_box(DETECTED, "person", choice, SIZE) == expected


def test_of_another_class_nothing_is_chosen() -> None:
    assert choose_box([], "person", "largest", SIZE) is None
    assert choose_box(DETECTED, "cat", "largest", SIZE) is None
    assert choose_box(DETECTED, "perso", "largest", SIZE) is None


def test_a_class_may_be_a_number_and_not_the_likeliest_one() -> None:
    detected = [ScoredBox(CENTER, {"16": 0.7, "0": 0.2})]
    assert choose_box(detected, "0", "best_score", SIZE) == CENTER


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(ScoredBox(RotatedBox(math.nan, 50, 40, 40), {"person": 1.0}), id="nan"),
        pytest.param(ScoredBox(RotatedBox(160, 120, 2, 2), {"person": 1.0}), id="small"),
        pytest.param(ScoredBox(RotatedBox(900, 120, 90, 90), {"person": 1.0}), id="outside"),
        pytest.param(ScoredBox(RotatedBox(160, 120, 90, 90), {"person": math.nan}), id="score"),
    ],
)
def test_what_cannot_be_tracked_is_not_chosen(useless: ScoredBox) -> None:
    for choice in ("nearest_to_center", "best_score"):
        detected = [useless, ScoredBox(SURE, {"person": 0.5})]
        assert choose_box(detected, "person", choice, SIZE) == SURE


def test_a_target_is_due_only_while_there_is_none_and_none_is_being_started() -> None:
    follow = AutoFollow(Clock())
    assert follow.is_due({})
    assert not follow.is_due({"mine": Status.LOST})
    assert follow.begin() == "auto-1"
    assert not follow.is_due({})
    follow.finish("auto-1", "the box is outside")
    assert follow.is_due({})
    assert "the box is outside" in follow.describe({}, "person", 5.0)
    assert follow.begin() == "auto-2"


def test_a_lost_target_of_its_own_expires_after_the_hold_time() -> None:
    clock = Clock()
    follow = AutoFollow(clock)
    follow.finish(follow.begin(), "")
    lost, seen = {"auto-1": Status.LOST}, {"auto-1": Status.TRACKING}
    assert follow.find_expired(lost, 5.0) == ""
    clock.now_s += 4.0
    assert follow.find_expired(lost, 5.0) == ""
    assert follow.describe(lost, "person", 5.0) == "target 'auto-1' LOST for 4.0 of 5 s"
    assert follow.find_expired(seen, 5.0) == ""
    clock.now_s += 4.0
    assert follow.find_expired(lost, 5.0) == ""
    clock.now_s += 5.0
    assert follow.find_expired(lost, 5.0) == "auto-1"
    assert follow.find_expired({"1": Status.LOST}, 5.0) == ""


def detection(box: RotatedBox, class_id: str, score: float) -> Detection2D:
    message = box_message(box)
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = class_id, score
    message.results.append(result)
    return message


class Detector:
    """Publishes what it sees on an image; the square is a person."""

    def __init__(self, bench: NodeBench) -> None:
        self._publisher = bench.publisher(Detection2DArray, f"{NODE}/detections_in")

    def publish(self, header: Header, *detections: Detection2D) -> None:
        self._publisher.publish(Detection2DArray(header=header, detections=list(detections)))


def ids_of(bench: NodeBench) -> list[str]:
    return list(bench.session.health().statuses)


def until_told(bench: NodeBench, words: str) -> Any:
    """Waits until the diagnostics say this of auto_follow."""

    def told() -> bool:
        status = bench.client.status("targets")
        values = {item.key: item.value for item in status.values} if status else {}
        return words in values.get("auto follow", "")

    return wait_until(told, f"auto follow to say {words!r}")


def test_a_detection_is_followed_from_the_image_that_it_was_made_on() -> None:
    with NodeBench(auto_follow_class="person", history_s=10.0) as bench:
        detector = Detector(bench)
        first = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", first)
        until_told(bench, "waiting for a detection of class 'person'")
        for index in range(1, 4):
            bench.client.answer(index)
        chair = detection(RotatedBox(250, 180, 60, 60), "chair", 0.99)
        detector.publish(first, chair, detection(square_box(0), "person", 0.8))
        wait_until(lambda: ids_of(bench) == ["auto-1"], "the target")
        until_told(bench, "tracking 'auto-1'")
        bench.assert_tracks(4, "auto-1")
        header = bench.client.send(5)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        detector.publish(header, detection(RotatedBox(160, 120, 40, 40), "person", 1.0))
        bench.assert_tracks(6, "auto-1")
        assert ids_of(bench) == ["auto-1"]


def test_a_target_that_somebody_gave_is_never_replaced() -> None:
    with NodeBench(auto_follow_class="person", auto_follow_hold_s=0.0) as bench:
        detector = Detector(bench)
        bench.started(0, "mine")
        for index in range(1, 6):
            header = bench.client.send(index, visible=False)
            (track,) = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert track.state == Track.LOST
        detector.publish(header, detection(RotatedBox(250, 180, 60, 60), "person", 0.9))
        until_told(bench, "waiting: another target is tracked")
        assert ids_of(bench) == ["mine"]


def test_a_lost_target_of_its_own_gives_way_to_another() -> None:
    with NodeBench(auto_follow_class="0", auto_follow_hold_s=0.0, history_s=10.0) as bench:
        detector = Detector(bench)
        header = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        detector.publish(header, detection(square_box(0), "0", 0.8))
        wait_until(lambda: ids_of(bench) == ["auto-1"], "the target")
        bench.assert_tracks(1, "auto-1")
        for index in range(2, 7):
            header = bench.client.send(index, visible=False)
            (track,) = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert track.state == Track.LOST
        detector.publish(header, detection(RotatedBox(250, 180, 60, 60), "0", 0.9))
        wait_until(lambda: ids_of(bench) == ["auto-2"], "another target")


def test_it_is_off_by_default_and_can_be_switched_while_the_node_runs() -> None:
    with NodeBench(history_s=10.0) as bench:
        detector = Detector(bench)
        header = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        until_told(bench, "off")
        (answer,) = bench.client.set_parameters(auto_follow_choice="the red one")
        assert "expected one of: nearest_to_center, largest, best_score" in answer.reason
        (answer,) = bench.client.set_parameters(auto_follow_class="person")
        assert answer.successful
        until_told(bench, "waiting for a detection")
        detector.publish(header, detection(square_box(0), "person", 0.8))
        wait_until(lambda: ids_of(bench) == ["auto-1"], "the target")
        bench.assert_tracks(1, "auto-1")


def test_a_detection_on_an_image_that_is_gone_is_refused_and_the_next_one_followed() -> None:
    with NodeBench(auto_follow_class="person", history_s=0.0) as bench:
        detector = Detector(bench)
        bench.client.answer(0)
        header = bench.client.send(1)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        gone = Header(stamp=header.stamp, frame_id="camera")
        gone.stamp.sec -= 5
        detector.publish(gone, detection(square_box(1), "person", 0.8))
        bench.client.wait_for_status("targets", 1, "from the newest image")
        detector.publish(Header(), detection(square_box(1), "person", 0.8))
        wait_until(lambda: ids_of(bench) == ["auto-1"], "the target")
        bench.assert_tracks(2, "auto-1")
