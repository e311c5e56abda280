"""`~/detections_in` over real ROS 2: a detector's boxes help to find a lost target again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from siammask_ros.msg import Track
from support.moving_square import square_box
from support.node_bench import NODE, NodeBench
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.ros.tracking_io.candidates import _sort_by_score

WARN, OK = 1, 0


def detection(box: RotatedBox, *scores: float) -> Detection2D:
    message = Detection2D()
    center = message.bbox.center
    center.position.x, center.position.y, center.theta = float(box.x), float(box.y), box.theta
    message.bbox.size_x, message.bbox.size_y = float(box.width), float(box.height)
    for score in scores:
        result = ObjectHypothesisWithPose()
        result.hypothesis.score = score
        message.results.append(result)
    return message


def lost(bench: NodeBench) -> int:
    """Follows the square and hides it until it is LOST; the next picture's index."""
    bench.started(0)
    bench.assert_tracks(1)
    for index in range(2, 6):
        (track,) = bench.client.answer(index, visible=False).tracks
    assert track.state == Track.LOST
    return 6


def found_again(bench: NodeBench, index: int) -> bool:
    for number in range(index, index + 8):
        (track,) = bench.client.answer(number).tracks
        if track.state == Track.TRACKING:
            return True
    return False


def test_a_lost_target_whose_search_has_ended_is_taken_back_at_a_detectors_box() -> None:
    with NodeBench(search_s=0.0) as bench:
        detector = bench.publisher(Detection2DArray, f"{NODE}/detections_in")
        index = lost(bench)
        (track,) = bench.client.answer(index).tracks
        assert (track.state, "the search has ended" in track.reason) == (Track.LOST, True)
        header = bench.client.send(index + 1)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        detector.publish(
            Detection2DArray(header=header, detections=[detection(square_box(index + 1), 0.9)])
        )
        assert found_again(bench, index + 2)
        bench.assert_tracks(index + 10)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"box": RotatedBox(math.nan, 50, 40, 40)}, "not finite", id="nan"),
        pytest.param({"count": 101}, "101 boxes at once", id="too many"),
        pytest.param({"nanosec": 2 * 10**9}, "is no time", id="bad stamp"),
        pytest.param({"frame_id": "rear"}, "frame 'rear'", id="another camera"),
    ],
)
def test_useless_boxes_are_refused_and_told_and_good_ones_help(
    changes: dict[str, Any], words: str
) -> None:
    with NodeBench(search_s=0.0) as bench:
        detector = bench.publisher(Detection2DArray, f"{NODE}/detections_in")
        index = lost(bench)
        header = bench.client.header()
        box = detection(changes.get("box", square_box(index)))
        message = Detection2DArray(header=header, detections=[box] * changes.get("count", 1))
        message.header.frame_id = changes.get("frame_id", "camera")
        message.header.stamp.nanosec = changes.get("nanosec", header.stamp.nanosec)
        detector.publish(message)
        status = bench.client.wait_for_status("targets", WARN, words)
        refused = {item.key: item.value for item in status.values}["refused candidates"]
        assert refused == str(changes.get("count", 1))
        detector.publish(Detection2DArray(detections=[detection(square_box(index))]))
        assert found_again(bench, index)
        assert not bench.node._guard.caught


def test_boxes_are_tried_by_the_best_score_that_each_was_given() -> None:
    boxes = [RotatedBox(value, 50, 20, 20) for value in (1, 2, 3, 4)]
    scores = [(0.2,), (), (0.1, 0.9), (math.nan, 0.5)]
    given = [detection(box, *each) for box, each in zip(boxes, scores, strict=True)]
    assert [each.bbox.center.position.x for each in _sort_by_score(given)] == [3, 4, 1, 2]
