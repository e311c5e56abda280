"""Rows A1, A4, A9, B1, B6, B8, E1, E3, E4, E5 and F1 over real ROS 2."""

from __future__ import annotations

import math
import time
from array import array
from typing import Any

import pytest
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.node_bench import NODE, Client, NodeBench, assert_on_square, wait_until_matched
from support.session_bench import wait_until

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.ros.tracking_io.messages import build_image

ERROR, WARN, OK = 2, 1, 0

# Delivers what was said before somebody listened, too.
_LOG = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def send_bad_image(client: Client, **changes: Any) -> None:
    message = build_image(client.header(), picture(1))
    for name, value in changes.items():
        setattr(message, name, value)
    client.images.publish(message)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        pytest.param({"encoding": "YUV"}, "encoding", "expected one of: bgr8", id="a1"),
        pytest.param({"encoding": ""}, "encoding", "expected one of: bgr8", id="a1-empty"),
        pytest.param({"data": array("B", b"123")}, "data", "data has 3 bytes", id="a4"),
        pytest.param({"width": 2**32 - 1}, "size", "4294967295×240", id="a5"),
        pytest.param({"step": 5}, "step", "step 5 is shorter than a row", id="a2"),
    ],
)
def test_a1_a2_a4_a5_a_bad_image_is_refused_and_told_and_the_next_good_frame_tracked(
    changes: dict[str, Any], kind: str, words: str
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        send_bad_image(bench.client, **changes)
        status = bench.client.wait_for_status("image stream", WARN, words)
        assert {item.key: item.value for item in status.values}[f"refused: {kind}"] == "1"
        bench.assert_tracks(2)
        assert not bench.node._guard.caught


def test_a9_a_new_resolution_loses_the_target_and_a_new_box_works() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        for _ in range(2):
            bench.send_discarded(2, width=400, height=300)
        header = bench.client.send(2, width=400, height=300)
        (track,) = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert (track.state, track.reason) == (
            track.LOST,
            "resolution changed to 400×300; the search has ended",
        )
        assert bench.client.of_stamp(f"{NODE}/detections", header).detections == []
        bench.client.send_box(square_box(2), "2", header)
        wait_until(lambda: "2" in bench.session.health().statuses, "the new target")
        bench.assert_tracks(3, "2", width=400, height=300)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        pytest.param(RotatedBox(math.nan, 50, 40, 40), "not finite", id="b1-nan"),
        pytest.param(RotatedBox(50, 50, math.inf, 40), "not finite", id="b1-inf"),
        pytest.param(RotatedBox(1e300, 50, 40, 40), "beyond", id="b1-huge"),
        pytest.param(RotatedBox(50, 50, 3, 3), "8×8 px after clipping", id="b3"),
        pytest.param(RotatedBox(5000, 50, 40, 40), "outside", id="b4"),
    ],
)
def test_b1_b3_b4_a_useless_box_is_refused_and_told_and_the_target_goes_on(
    box: RotatedBox, words: str
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.client.send_box(box, "other")
        bench.client.wait_for_status("targets", WARN, words)
        answer = bench.assert_tracks(2)
        assert [track.id for track in answer.tracks] == ["1"]


def test_b6_a_box_on_an_image_that_is_gone_is_refused_and_one_that_is_kept_caught_up() -> None:
    with NodeBench() as bench:
        first = bench.client.send(0)
        bench.client.of_stamp(f"{NODE}/tracks", first)
        for index in range(1, 4):
            bench.client.answer(index)
        gone = bench.client.header()
        gone.stamp.sec -= 100
        bench.client.send_box(square_box(0), "gone", gone)
        bench.client.wait_for_status("targets", WARN, "is not kept")
        bench.started(4, "kept")
        bench.assert_tracks(5, "kept")


def test_b8_a_box_is_refused_with_the_name_of_the_state_while_the_node_is_not_active() -> None:
    with NodeBench(active=False) as bench:
        client = bench.client
        client.listen(Log, "/rosout", _LOG)
        wait_until_matched(client.boxes, bench.node)
        client.send_box(square_box(0))
        _wait_for_log(client, "box refused: node is unconfigured; activate it first")
        answer = client.reset()
        assert not answer.success
        assert answer.message == "node is unconfigured; activate it first"
        bench.activate()
        client.send_box(square_box(0))
        client.wait_for_status("targets", WARN, "no image has arrived yet")
        bench.started(0)
        bench.assert_tracks(1)


@pytest.mark.parametrize(
    ("stamp_s", "size"), [(3600, {}), (-60, {}), (0, {"width": 400, "height": 300})]
)
def test_a16_one_odd_image_is_told_and_the_target_goes_on(
    stamp_s: int, size: dict[str, int]
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        header = bench.client.header()
        header.stamp.sec += stamp_s
        bench.send_discarded(2, header, **size)
        status = bench.client.wait_for_status("image stream", WARN, "not all used: ")
        assert {item.key: item.value for item in status.values}["dropped: inconsistent"] == "1"
        bench.assert_tracks(3)


def test_e1_a_looped_bag_loses_the_target_and_goes_on() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        header = bench.client.header()
        header.stamp.sec -= 60
        for _ in range(2):
            bench.send_discarded(2, header)
        bench.client.send(2, header)
        (track,) = bench.client.of_stamp(f"{NODE}/tracks", header).tracks
        assert track.state == track.LOST
        assert track.reason.startswith("stamps jumped back by 59.") or "60." in track.reason
        bench.client.send_box(square_box(2), "2", header)
        wait_until(lambda: "2" in bench.session.health().statuses, "the new target")
        header.stamp.sec += 1
        bench.client.send(3, header)
        assert_on_square(bench.client.of_stamp(f"{NODE}/tracks", header), 3, "2")


def test_e3_an_impossible_stamp_is_refused() -> None:
    with NodeBench() as bench:
        bench.started(0)
        header = bench.client.header()
        header.stamp.nanosec = 2_000_000_000
        bench.client.send(1, header)
        bench.client.wait_for_status("image stream", WARN, "is no time")
        bench.assert_tracks(1)


def test_e4_diagnostics_keep_coming_while_the_simulated_clock_stands() -> None:
    with NodeBench(use_sim_time=True) as bench:
        count = len(bench.client.heard["/diagnostics"])
        wait_until(lambda: len(bench.client.heard["/diagnostics"]) >= count + 3, "diagnostics")
        bench.client.wait_for_status("image stream", ERROR, "no image yet for")
        bench.started(0)
        bench.assert_tracks(1)


def test_e5_a_silent_camera_makes_tracks_stale_and_the_next_image_is_tracked() -> None:
    with NodeBench(frame_timeout_s=0.3) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        last = bench.client.heard[f"{NODE}/tracks"][-1].header

        def stale() -> Any:
            tracks = bench.client.heard[f"{NODE}/tracks"][-1].tracks
            return tracks[0] if tracks and tracks[0].state == tracks[0].STALE else None

        began_s = time.monotonic()
        track = wait_until(stale, "the track to be stale")
        assert time.monotonic() - began_s < 2
        assert track.reason.startswith("no image for 0.")
        assert bench.client.heard[f"{NODE}/tracks"][-1].header == last
        status = bench.client.wait_for_status("image stream", ERROR, "no image for")
        assert status.message.endswith("s on /image")
        bench.client.wait_for_status("targets", WARN, "all STALE")
        bench.assert_tracks(2)

        def is_fine() -> bool:
            bench.client.answer(2)
            status = bench.client.status("image stream")
            return status is not None and status.level == bytes([OK])

        wait_until(is_fine, "the image stream to be fine again")


def test_f1_at_200_hz_and_50_ms_of_work_the_newest_image_is_taken() -> None:
    with NodeBench(FakeEngine()) as bench:
        bench.started(0)
        bench.engine.delay_s = 0.05
        for index in range(200):
            header = bench.client.send(index % 20 + 1)
            time.sleep(0.005)
        bench.client.of_stamp(f"{NODE}/tracks", header)
        bench.engine.delay_s = 0.0
        latencies = [m for m in bench.client.heard[f"{NODE}/latency"] if m.network_ms >= 50]
        assert len(latencies) > 5
        waits_ms = sorted(message.wait_ms for message in latencies)
        # The newest image waits for the one before it at most, which a busy machine makes slower.
        busy_ms = sorted(
            each.crop_ms + each.network_ms + each.select_ms + each.mask_ms for each in latencies
        )
        assert waits_ms[len(waits_ms) // 2] < busy_ms[len(busy_ms) // 2] + 5
        assert bench.session.health().counters.processed < 100
        bench.started(1, "2")
        bench.assert_tracks(2, "2")


def _wait_for_log(client: Client, words: str) -> None:
    def is_said() -> bool:
        return any(words in line.msg for line in client.heard["/rosout"])

    wait_until(is_said, f"the log to say {words!r}")
