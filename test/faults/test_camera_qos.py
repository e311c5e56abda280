"""Row H4: cameras of either reliability are heard; a setting that cannot work is named."""

from __future__ import annotations

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from support.moving_square import picture
from support.node_bench import NodeBench
from support.session_bench import wait_until

from siammask_ros.ros.tracking_io.messages import build_image

ERROR, OK = 2, 0


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
def test_h4_a_camera_of_either_reliability_is_heard(reliability: ReliabilityPolicy) -> None:
    with NodeBench() as bench:
        node = bench.client.node
        camera = node.create_publisher(
            Image, "/image", QoSProfile(depth=1, reliability=reliability)
        )
        wait_until(camera.get_subscription_count, "the node to listen to this camera")
        header = bench.client.header()

        def is_answered() -> bool:
            camera.publish(build_image(header, picture(0)))
            tracks = bench.client.heard["/siammask_tracker/tracks"]
            return any(each.header.stamp == header.stamp for each in tracks)

        wait_until(is_answered, "an answer")
        bench.client.wait_for_status("image stream", OK, "on /image")


def test_h4_an_override_that_cannot_work_is_an_error_that_names_both_policies() -> None:
    override = {"qos_overrides./image.subscription.reliability": "reliable"}
    with NodeBench(active=False, **override) as bench:
        assert bench.client.change_state("configure")
        assert bench.client.change_state("activate")
        status = bench.client.wait_for_status("image stream", ERROR, "qos_overrides./image")
        assert "Best effort publisher and reliable subscription" in status.message
        assert "(node client)" in status.message
    # The next node is none the worse for it.
    with NodeBench() as bench:
        bench.client.answer(0)
