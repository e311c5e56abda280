"""The services ~/follow, ~/forget and ~/list over real ROS 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.node import Node
from siammask_ros.msg import Track
from siammask_ros.srv import Follow, Forget, List
from std_msgs.msg import Header
from support.moving_square import SIDE_PX, square_box, square_center
from support.node_bench import NODE, NodeBench, box_message
from support.session_bench import wait_until
from vision_msgs.msg import BoundingBox2D

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.image_messages import NANOSECONDS, stamp_ns
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.tracking_io.messages import build_image

SMALL = RotatedBox(50, 50, 3, 3)
ELSEWHERE = RotatedBox(40, 40, 30, 30)


def bounding_box(box: RotatedBox) -> BoundingBox2D:
    return box_message(box).bbox


def request(*boxes: RotatedBox, **fields: Any) -> Follow.Request:
    return Follow.Request(boxes=[bounding_box(box) for box in boxes], **fields)


def follow(bench: NodeBench, *boxes: RotatedBox, **fields: Any) -> Follow.Response:
    return bench.client.call(Follow, f"{NODE}/follow", request(*boxes, **fields))


def list_targets(bench: NodeBench) -> List.Response:
    return bench.client.call(List, f"{NODE}/list", List.Request())


def forget(bench: NodeBench, target_id: str) -> Forget.Response:
    return bench.client.call(Forget, f"{NODE}/forget", Forget.Request(id=target_id))


def later(header: Header, by_ms: int = 400) -> Header:
    """A header of the same camera, somewhat later."""
    total_ns = stamp_ns(header) + by_ms * 1_000_000
    stamp = Time(sec=total_ns // NANOSECONDS, nanosec=total_ns % NANOSECONDS)
    return Header(stamp=stamp, frame_id=header.frame_id)


def square_mask(index: int) -> np.ndarray:
    mask = np.zeros((240, 320), np.uint8)
    x, y = square_center(index)
    left, top = round(x - SIDE_PX / 2), round(y - SIDE_PX / 2)
    mask[top : top + SIDE_PX, left : left + SIDE_PX] = 255
    return mask


def test_the_answer_comes_once_the_targets_are_tracked() -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        answer = follow(bench, square_box(0), ELSEWHERE, ids=["square", ""])
        assert (answer.success, answer.message) == (True, "tracking 'square', '1'")
        assert (list(answer.ids), list(answer.reasons)) == (["square", "1"], ["", ""])
        assert list(bench.session.health().statuses) == ["square", "1"]
        bench.assert_tracks(1, "square")


def test_each_box_is_accepted_or_refused_by_itself() -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        answer = follow(bench, SMALL, square_box(0))
        assert not answer.success
        assert list(answer.ids) == ["", "1"]
        assert "8×8 px after clipping" in answer.reasons[0]
        assert answer.reasons[1] == ""
        assert answer.message.startswith("tracking '1'; 1 of 2 refused: ")
        bench.client.wait_for_status("targets", 0, "")
        bench.assert_tracks(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(request(RotatedBox(5000, 50, 40, 40)), "outside", id="outside"),
        pytest.param(request(RotatedBox(float("nan"), 50, 40, 40)), "not finite", id="nan"),
        pytest.param(request(square_box(0), ids=["x" * 65]), "id has 65 characters", id="long-id"),
        pytest.param(request(square_box(0), stamp=Time(sec=1)), "is not kept", id="too-old"),
    ],
)
def test_a_useless_box_is_refused_with_the_reason(call: Follow.Request, words: str) -> None:
    with NodeBench() as bench:
        bench.started(0, "first")
        answer = bench.client.call(Follow, f"{NODE}/follow", call)
        assert not answer.success
        assert list(answer.ids) == [""]
        assert words in answer.reasons[0]
        bench.client.wait_for_status("targets", 1, words)
        bench.assert_tracks(1, "first")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(request(), "there are 0 boxes", id="nothing"),
        pytest.param(request(SMALL, stamp=Time(nanosec=2_000_000_000)), "is no time", id="no-time"),
        pytest.param(request(*[SMALL] * 65), "there are 65 boxes", id="too-many-boxes"),
        pytest.param(request(SMALL, ids=["a", "b"]), "there are 2 ids; expected 1", id="ids"),
        pytest.param(
            request(SMALL, mask=build_image(Header(), square_mask(0))), "one of the two", id="both"
        ),
    ],
)
def test_a_request_that_is_no_selection_is_refused(call: Follow.Request, words: str) -> None:
    with NodeBench() as bench:
        bench.started(0)
        answer = bench.client.call(Follow, f"{NODE}/follow", call)
        assert (answer.success, list(answer.ids)) == (False, [])
        assert words in answer.message
        bench.assert_tracks(1)


def test_no_more_targets_than_allowed() -> None:
    with NodeBench(max_targets=1) as bench:
        bench.client.answer(0)
        answer = follow(bench, square_box(0), ELSEWHERE)
        assert list(answer.ids) == ["1", ""]
        assert "1 targets are already active" in answer.reasons[1]
        bench.assert_tracks(1)


def test_an_id_that_is_given_twice_is_the_last_box() -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        bench.engine.delay_s = 0.2
        bench.client.send(0)
        answer = follow(bench, ELSEWHERE, square_box(0), ids=["a", "a"])
        assert answer.ids[1] == "a"
        assert answer.reasons[1] == ""
        bench.engine.delay_s = 0.0
        bench.assert_tracks(1, "a")


def test_a_mask_is_followed_on_the_image_it_was_made_on() -> None:
    with NodeBench() as bench:
        header = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        for index in range(1, 4):
            bench.client.answer(index)
        mask = build_image(header, square_mask(0))
        answer = follow(bench, mask=mask, ids=["cut out"])
        assert (answer.success, list(answer.ids)) == (True, ["cut out"])
        bench.assert_tracks(4, "cut out")


def test_a_mask_of_another_size_is_refused() -> None:
    with NodeBench() as bench:
        bench.started(0, "first")
        answer = follow(bench, mask=build_image(Header(), square_mask(0)[:120, :160]))
        assert "mask is 160×120 px and the image 320×240" in answer.reasons[0]
        bench.assert_tracks(1, "first")


def test_a_box_for_an_image_to_come_is_answered_when_that_has_come() -> None:
    with NodeBench(history_s=10.0) as bench:
        bench.client.answer(0)
        header = later(bench.client.header())
        client = bench.client.node.create_client(Follow, f"{NODE}/follow")
        assert client.wait_for_service(60)
        early = client.call_async(request(square_box(1), stamp=header.stamp))
        # A second client is served while the first one waits.
        assert follow(bench, ELSEWHERE, ids=["other"]).success
        assert not early.done()
        bench.client.send(1, header)
        wait_until(early.done, "the answer")
        assert list(early.result().ids) == ["1"]
        header = later(header, 40)
        bench.client.send(2, header)
        tracks = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert {track.id: track.state for track in tracks}["1"] == Track.TRACKING


def test_b10_a_box_whose_image_never_comes_is_refused() -> None:
    with NodeBench(history_s=0.5) as bench:
        bench.client.answer(0)
        stamp = bench.client.header().stamp
        answer = follow(bench, square_box(0), stamp=stamp)
        assert "came within 1 s" in answer.reasons[0] or "is not kept" in answer.reasons[0]
        bench.started(0)
        bench.assert_tracks(1)


def test_b10_a_call_is_answered_though_an_inference_hangs_and_its_box_is_not_applied_later() -> (
    None
):
    with NodeBench(history_s=0.0, inference_timeout_s=0.1) as bench:
        bench.started(0, "first")
        bench.engine.script.append("hang")
        bench.client.send(1)
        wait_until(lambda: not bench.engine.script, "the inference that hangs")
        answer = follow(bench, square_box(1), ids=["late"])
        assert "not applied within 2.1 s; cancelled" in answer.reasons[0]
        assert list(list_targets(bench).ids) == ["first"]
        bench.engine.released.set()
        bench.assert_tracks(2, "first")
        assert list(list_targets(bench).ids) == ["first"]


def test_b10_a_call_is_answered_when_the_node_is_deactivated() -> None:
    with NodeBench(history_s=10.0) as bench:
        bench.client.answer(0)
        header = later(bench.client.header())
        client = bench.client.node.create_client(Follow, f"{NODE}/follow")
        assert client.wait_for_service(60)
        early = client.call_async(request(square_box(1), stamp=header.stamp))
        has_waiting = bench.session._shared.requests
        wait_until(lambda: has_waiting.has_early_boxes, "the box to wait")
        assert bench.client.change_state("deactivate")
        wait_until(early.done, "the answer")
        assert "stopped before the box was applied" in early.result().reasons[0]
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(0)
        bench.assert_tracks(1)


def test_the_services_say_that_the_node_is_not_active() -> None:
    with NodeBench(active=False) as bench:
        for answer in (follow(bench, square_box(0)), forget(bench, "1"), list_targets(bench)):
            assert not answer.success
            assert answer.message == "node is unconfigured; activate it first"
        bench.activate()
        answer = follow(bench, square_box(0))
        assert "no image has arrived yet" in answer.reasons[0]
        bench.client.answer(0)
        assert follow(bench, square_box(0)).success
        bench.assert_tracks(1)


CLIENT = """
import sys
import rclpy
from siammask_ros.srv import Follow
from vision_msgs.msg import BoundingBox2D

rclpy.init(domain_id=int(sys.argv[1]))
node = rclpy.create_node("gone")
client = node.create_client(Follow, "/siammask_tracker/follow")
assert client.wait_for_service(60)
request = Follow.Request(boxes=[BoundingBox2D(size_x=48.0, size_y=48.0)], ids=["gone"])
request.boxes[0].center.position.x, request.boxes[0].center.position.y = 124.0, 102.0
request.stamp.sec, request.stamp.nanosec = int(sys.argv[2]), int(sys.argv[3])
client.call_async(request)
rclpy.spin(node)
"""


def test_b10_a_client_that_has_gone_does_not_disturb() -> None:
    with NodeBench(history_s=10.0) as bench:
        bench.client.answer(0)
        header = later(bench.client.header())
        stamp = (str(header.stamp.sec), str(header.stamp.nanosec))
        domain = str(bench.context.get_domain_id())
        process = subprocess.Popen([sys.executable, "-c", CLIENT, domain, *stamp], env=os.environ)
        try:
            requests = bench.session._shared.requests
            wait_until(lambda: requests.has_early_boxes, "the box to wait", 60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        bench.client.send(1, header)
        wait_until(lambda: "gone" in bench.session.health().statuses, "the target")
        header = later(header, 40)
        bench.client.send(2, header)
        tracks = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert [(track.id, track.state) for track in tracks] == [("gone", Track.TRACKING)]
        assert not bench.node._guard.caught
        assert follow(bench, ELSEWHERE, ids=["next"]).success


def test_targets_are_listed_and_forgotten_by_their_ids() -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        answer = list_targets(bench)
        assert (answer.success, answer.message, list(answer.ids)) == (True, "no targets", [])
        follow(bench, square_box(0), ELSEWHERE, ids=["a", "b"])
        bench.client.answer(1)
        answer = list_targets(bench)
        assert list(answer.ids) == ["a", "b"]
        assert answer.states[0] == Track.TRACKING
        assert answer.message.startswith("2 targets: 'a' TRACKING, 'b' ")
        answer = forget(bench, "b")
        assert (answer.success, answer.message) == (True, "target 'b' forgotten")
        answer = forget(bench, "b")
        assert (answer.success, answer.message) == (False, "no such target: 'b'")
        assert list(list_targets(bench).ids) == ["a"]
        bench.assert_tracks(2, "a")


def test_a_target_that_waits_for_its_image_is_forgotten_and_its_call_answered() -> None:
    with NodeBench(history_s=10.0) as bench:
        bench.client.answer(0)
        stamp = later(bench.client.header()).stamp
        client = bench.client.node.create_client(Follow, f"{NODE}/follow")
        assert client.wait_for_service(60)
        early = client.call_async(request(square_box(1), stamp=stamp, ids=["early"]))
        requests = bench.session._shared.requests
        wait_until(lambda: requests.has_early_boxes, "the box to wait")
        assert forget(bench, "").message == "no such target: ''"
        assert not early.done()
        assert forget(bench, "early").success
        wait_until(early.done, "the answer")
        assert list(early.result().reasons) == ["forgotten before it was applied"]


@pytest.mark.parametrize(("kind", "name"), [(Follow, "follow"), (List, "list")])
def test_b10_a_hundred_calls_at_once_are_all_answered(kind: Any, name: str) -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        client = bench.client.node.create_client(kind, f"{NODE}/{name}", qos_profile=qos.SERVICES)
        assert client.wait_for_service(60)
        call = request(square_box(0), ids=["a"]) if kind is Follow else List.Request()
        answers = [client.call_async(call) for _ in range(100)]
        wait_until(lambda: all(answer.done() for answer in answers), "all answers")
        replaced = "replaced by a newer box for this id"
        reasons = {
            reason for answer in answers for reason in getattr(answer.result(), "reasons", [])
        }
        assert reasons <= {"", replaced}
        assert answers[-1].result().success
        if kind is Follow:
            bench.assert_tracks(1, "a")


def test_two_clients_get_their_own_answers() -> None:
    with NodeBench() as bench:
        bench.client.answer(0)
        other = Node("other", context=bench.context)
        clients = [
            node.create_client(Follow, f"{NODE}/follow") for node in (bench.client.node, other)
        ]
        bench.client._executor.add_node(other)
        assert all(client.wait_for_service(60) for client in clients)
        boxes = (square_box(0), SMALL)
        futures = [
            client.call_async(request(box, ids=[name]))
            for client, box, name in zip(clients, boxes, ("a", "b"), strict=True)
        ]
        wait_until(lambda: all(future.done() for future in futures), "both answers")
        first, second = (future.result() for future in futures)
        assert (list(first.ids), list(second.ids)) == (["a"], [""])
        bench.client._executor.remove_node(other)
        other.destroy_node()
        bench.assert_tracks(1, "a")
