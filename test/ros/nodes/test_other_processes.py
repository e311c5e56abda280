"""The node and the player as processes, heard by a plain ROS 2 script."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import rclpy
from rclpy.context import Context
from sensor_msgs.msg import Image
from support.moving_square import picture, square_box, square_center
from support.node_bench import Client, NodeBench
from support.session_bench import wait_until

from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION, EXIT_NOT_STARTED

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
START_S = 60.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture(index))
    return folder


def play(*parameters: str, domain_id: int) -> subprocess.Popen[str]:
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    return subprocess.Popen(
        [sys.executable, "-m", "siammask_ros.ros.nodes.player", "--ros-args", *arguments],
        cwd=ROOT,
        env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_plain_script_hears_standard_messages_of_a_played_folder(pictures: Path) -> None:
    with NodeBench() as bench:
        domain_id = bench.context.get_domain_id()
        listener = subprocess.Popen(
            [sys.executable, HERE / "plain_listener.py", "5"],
            env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
            stdout=subprocess.PIPE,
            text=True,
        )
        publishers = bench.node._topics
        wait_until(
            lambda: publishers._mask.get_subscription_count() == 2, "the plain script", START_S
        )
        bench.client.listen(Image, "/image")
        player = play(
            f"source:={pictures}", "rate:=10", "wait_for_subscribers:=2", domain_id=domain_id
        )
        try:
            first = wait_until(lambda: bench.client.heard["/image"], "the first picture", START_S)[
                0
            ]
            bench.client.send_box(square_box(0), "1", first.header)
            said, _ = listener.communicate(timeout=START_S)
            output, _ = player.communicate(timeout=START_S)
        finally:
            listener.kill()
            player.kill()
    assert player.returncode == 0
    assert "published 12 images" in output
    # The middleware, too, may say something on the standard output.
    lines = [line for line in said.splitlines() if line.startswith("{")]
    *heard, topics = [json.loads(line) for line in lines]
    assert topics["mask"] == ["sensor_msgs/msg/Image"]
    assert topics["detections"] == ["vision_msgs/msg/Detection2DArray"]
    assert topics["tracks"] == ["siammask_ros/msg/TrackArray"]
    masks = [each for each in heard if each["topic"] == "mask"]
    boxes = [each for each in heard if each["topic"] == "detections"]
    assert {(mask["encoding"], mask["frame_id"]) for mask in masks} == {("mono8", "camera")}
    assert max(mask["pixels"] for mask in masks) > 1000
    assert boxes[-1]["id"] == "1"
    distances = [abs(boxes[-1]["x"] - square_center(index)[0]) for index in range(12)]
    assert min(distances) < 6


def test_the_player_loops_at_its_rate_until_a_signal(pictures: Path) -> None:
    context = Context()
    rclpy.init(context=context)
    client = Client(context)
    client.listen(Image, "/image")
    player = play(
        f"source:={pictures}",
        "rate:=40.0",
        "loop:=true",
        "wait_for_subscribers:=1",
        "frame_id:=eye",
        domain_id=context.get_domain_id(),
    )
    try:
        wait_until(lambda: len(client.heard["/image"]) > 30, "more than two rounds", START_S)
        began_s = time.monotonic()
        player.send_signal(signal.SIGINT)
        player.communicate(timeout=10)
        assert time.monotonic() - began_s < 3
    finally:
        player.kill()
        client.close()
        rclpy.shutdown(context=context)
    assert player.returncode == 0
    images = client.heard["/image"]
    assert {image.header.frame_id for image in images} == {"eye"}
    stamps_ms = [i.header.stamp.sec * 1e3 + i.header.stamp.nanosec / 1e6 for i in images]
    steps_ms = sorted(b - a for a, b in itertools.pairwise(stamps_ms))
    assert 20 < steps_ms[len(steps_ms) // 2] < 35


@pytest.mark.parametrize(
    ("parameters", "words", "code"),
    [
        (("source:=''",), "source is empty", EXIT_CONFIGURATION),
        (("source:=/no/such/video.mp4",), "does not exist", EXIT_NOT_STARTED),
        (("source:=x", "rate:=-1"), "rate is -1", EXIT_CONFIGURATION),
        (("source:=x", "rate:=fast"), "rate is 'fast'; expected a number", EXIT_CONFIGURATION),
    ],
)
def test_the_player_says_in_one_line_what_it_cannot_play(
    parameters: tuple[str, ...], words: str, code: int
) -> None:
    player = play(*parameters, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
    output, _ = player.communicate(timeout=START_S)
    assert player.returncode == code
    assert words in output
    assert "Traceback" not in output
