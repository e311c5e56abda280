"""Rows E8 and E9: images of another clock, and of two cameras at once."""

from __future__ import annotations

from typing import Any

import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.moving_square import picture
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.ros.tracking_io.messages import build_image
from siammask_ros.ros.tracking_io.mixed_images import WINDOW_S, MixedImages

OK, WARN = 0, 1


def wait_for_no_remark(bench: NodeBench, words: str) -> None:
    """Sends images until diagnostics do not say this of them any more."""

    def is_fine() -> bool:
        bench.client.send(2)
        status = bench.client.status("image stream")
        return bool(status and status.level == bytes([OK]) and words not in status.message)

    wait_until(is_fine, f"diagnostics without {words!r}", 60)


@pytest.mark.parametrize("sec", [100, 2**31 - 100], ids=["of-1970", "of-2038"])
def test_e8_stamps_of_another_clock_are_told_and_make_no_age(sec: int) -> None:
    with NodeBench() as bench:
        client = bench.client
        header = Header(stamp=Time(sec=sec), frame_id="camera")
        client.send(0, header)
        latency = client.of_stamp(f"{NODE}/latency", header)
        assert latency.transport_ms == 0
        assert 0 < latency.age_ms < 60_000
        status = client.wait_for_status("image stream", WARN, "clock differ by")
        assert "on /image: image stamps and the node's clock differ by" in status.message
        assert status.message.endswith("years; check use_sim_time")
        wait_for_no_remark(bench, "use_sim_time")
        bench.started(0)
        bench.assert_tracks(1)


def test_e8_a_simulated_clock_that_nobody_publishes_is_told() -> None:
    with NodeBench(use_sim_time=True) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.client.wait_for_status("image stream", WARN, "years; check use_sim_time")


def test_e9_two_publishers_of_images_are_told_and_one_of_them_is_tracked_again() -> None:
    with NodeBench() as bench:
        client, node = bench.client, bench.client.node
        other = node.create_publisher(Image, "/image", 1)

        def told() -> Any:
            client.send(0)
            other.publish(build_image(client.header(), picture(0, width=400)))
            status = client.status("image stream")
            return status if status and "2 publishers on /image" in status.message else None

        status = wait_until(told, "diagnostics to tell of two publishers", 60)
        assert status.level >= bytes([WARN])
        node.destroy_publisher(other)
        wait_for_no_remark(bench, "publishers")
        bench.started(0)
        bench.assert_tracks(1)


def numbered(*numbers: int) -> MixedImages:
    mixed = MixedImages(lambda: 0.0)
    for number in numbers:
        mixed.add(number)
    return mixed


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param((), id="none"),
        pytest.param((5, 6, 9, 30), id="some-lost"),
        pytest.param((5, 6, 1, 2, 3), id="started-again"),
    ],
)
def test_e9_one_camera_is_no_mixture_whoever_else_is_listed(numbers: tuple[int, ...]) -> None:
    assert numbered(*numbers).remark(2, "/image") == ""


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param((5, 900, 6, 901, 7, 902, 8), id="in-turn"),
        pytest.param((1, 1, 2, 2, 3, 3), id="started-together"),
        pytest.param((2**64 - 1,) * 4, id="not-told-by-the-middleware"),
    ],
)
def test_e9_several_cameras_are_told_while_they_are_listed(numbers: tuple[int, ...]) -> None:
    mixed = numbered(*numbers)
    assert mixed.remark(2, "/image").startswith("2 publishers on /image")
    assert mixed.remark(1, "/image") == ""


def test_e9_a_mixture_is_forgotten_once_it_has_ended() -> None:
    now_s = 0.0
    mixed = MixedImages(lambda: now_s)
    for number in (1, 9, 2, 10, 3, 11, 4):
        mixed.add(number)
    assert mixed.remark(2, "/image")
    now_s = WINDOW_S
    mixed.add(5)
    assert not mixed.remark(2, "/image")
