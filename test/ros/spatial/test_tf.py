"""Targets as tf frames: where their position is known, and only where that is asked for."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from support.depth_bench import TARGET_M, DepthBench, depth_message, depths_m
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until
from tf2_msgs.msg import TFMessage

ERROR = 2


def listen(bench: NodeBench) -> list[Any]:
    bench.client.listen(TFMessage, "/tf")
    publisher = next(each for each in bench.node.publishers if each.topic_name == "/tf")
    wait_until(lambda: publisher.get_subscription_count() > 0, "a reader of /tf")
    heard: list[Any] = bench.client.heard["/tf"]
    return heard


def test_a_target_with_a_position_is_a_frame_below_the_camera() -> None:
    with NodeBench(publish_tf=True) as bench:
        depths = DepthBench(bench)
        heard = listen(bench)
        without = bench.client.send(1)
        bench.client.of_stamp(f"{NODE}/latency", without)
        track = depths.track(2, depth_message(depths.header(), depths_m(2)))
        (message,) = wait_until(lambda: heard, "a transform")
    (transform,) = message.transforms
    assert transform.header.frame_id == "camera"
    assert transform.header.stamp != without.stamp, "without depth there is no position"
    assert transform.child_frame_id == "siammask_tracker/1"
    translation, rotation = transform.transform.translation, transform.transform.rotation
    assert translation.z == pytest.approx(TARGET_M, abs=0.001)
    at = track.position
    assert (translation.x, translation.y, translation.z) == (at.x, at.y, at.z)
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == (0, 0, 0, 1)


def test_nothing_is_broadcast_unasked() -> None:
    with NodeBench() as bench:
        depths = DepthBench(bench)
        depths.track(1, depth_message(depths.header(), depths_m(1)))
        assert "/tf" not in dict(bench.node.get_topic_names_and_types())


def test_it_is_switched_between_two_activations() -> None:
    with NodeBench() as bench:
        (refused,) = bench.client.set_parameters(publish_tf=True)
        assert "deactivate first" in refused.reason
        assert bench.client.change_state("deactivate")
        assert bench.client.set_parameters(publish_tf=True)[0].successful
        assert bench.client.change_state("activate")
        depths = DepthBench(bench)
        heard = listen(bench)
        depths.track(1, depth_message(depths.header(), depths_m(1)))
        wait_until(lambda: heard, "a transform")


def test_without_tf2_msgs_activate_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with NodeBench(active=False, publish_tf=True) as bench:
        assert bench.client.change_state("configure")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tf2_msgs.msg", None)
            assert not bench.client.change_state("activate")
        bench.client.wait_for_status("targets", ERROR, "install it (sudo apt install")
        assert bench.client.set_parameters(publish_tf=False)[0].successful
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(0)
        bench.assert_tracks(1)
