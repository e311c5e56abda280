"""A bag played into the live node: round after round, and every time the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.moving_square import square_box
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until
from support.square_bag import PERIOD_NS, START_NS, stamp_of, write_bag

from siammask_ros.media.frames import open_source
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.ros.tracking_io.messages import build_image

ROOT = Path(__file__).resolve().parents[3]
FRAMES = 40
START_S = 60.0


def index_of(header: Header) -> int:
    """Which picture of the bag has this stamp."""
    index, rest = divmod(stamp_ns(header) - START_NS, PERIOD_NS)
    assert rest == 0, "a stamp that the bag does not have"
    return int(index)


def test_a_bag_that_is_played_in_a_loop_is_followed_in_every_round(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES)
    parameters = (f"source:={bag}", "keep_headers:=true", "loop:=true", "preload:=true")
    more = ("rate:=20.0", "wait_for_subscribers:=2")
    arguments = [word for parameter in (*parameters, *more) for word in ("-p", parameter)]
    with NodeBench() as bench:
        tracks = bench.client.heard[f"{NODE}/tracks"]
        bench.client.listen(Image, "/image")
        player = subprocess.Popen(
            [sys.executable, "-m", "siammask_ros.ros.nodes.player", "--ros-args", *arguments],
            cwd=ROOT,
            env={**os.environ, "ROS_DOMAIN_ID": str(bench.context.get_domain_id())},
        )
        try:
            wait_until(lambda: tracks, "the first image", START_S)
            for _ in range(2):
                follow_in_this_round(bench, tracks)
        finally:
            player.kill()
            player.wait()
    assert all(0 <= index_of(each.header) < FRAMES for each in tracks)


def follow_in_this_round(bench: NodeBench, tracks: list[Any]) -> None:
    """Follows the square from the newest picture until the bag begins again, which loses it."""
    wait_until(lambda: index_of(tracks[-1].header) < FRAMES / 3, "the beginning of a round")
    before = len(tracks)
    header = tracks[-1].header
    bench.client.send_box(square_box(index_of(header)), "1", header)
    found = wait_until(
        lambda: next((each for each in tracks[before:] if each.tracks and not lost(each)), None),
        "the square to be tracked",
    )
    assert_on_square(found, index_of(found.header))
    gone = wait_until(
        lambda: next((each for each in tracks[before:] if lost(each)), None),
        "the bag to begin again",
    )
    (track,) = gone.tracks
    assert track.reason.startswith("stamps jumped back")


def lost(answer: Any) -> bool:
    return any(track.state == track.LOST for track in answer.tracks)


def test_two_nodes_say_the_same_of_the_same_bag_bit_for_bit(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", 8)
    first, second = (answers_to(bag) for _ in range(2))
    assert first == second
    assert len(first) == 8


def answers_to(bag: Path) -> list[list[Any]]:
    """What a new node says of each picture; each is sent once the last is answered."""
    said = []
    topics = [f"{NODE}/{name}" for name in ("tracks", "detections", "mask")]
    with NodeBench() as bench:
        session = bench.session
        for frame in open_source(bag):
            seconds, nanoseconds = divmod(stamp_of(frame.number), 10**9)
            header = Header(frame_id="camera_optical")
            header.stamp.sec, header.stamp.nanosec = seconds, nanoseconds
            bench.client.images.publish(build_image(header, frame.image_bgr))
            answers = [bench.client.of_stamp(topic, header) for topic in topics]
            said.append(answers)
            if frame.number == 0:
                bench.client.send_box(square_box(0), "1", header)
                wait_until(lambda: "1" in session.health().statuses, "the target to be known")
    assert np.any(said[-1][2].data)
    return said
