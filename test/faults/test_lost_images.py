"""Row I4: images that the middleware loses are counted, and told with the cure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from support.node_bench import Client, own_domain
from support.session_bench import wait_until

from siammask_ros.ros.tracking_io import lost_images
from siammask_ros.ros.tracking_io.lost_images import PROFILE_VARIABLES, WINDOW_S, LostImages

TESTS = Path(__file__).resolve().parent.parent
PROFILE = TESTS.parent / "config" / "fastdds.xml"
START_S = 120.0
LARGE_BYTES = 1280 * 720 * 3
OK, WARN = 0, 1


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def camera_and_tracker(environment: dict[str, str]) -> Iterator[Client]:
    """A tracker and a camera with large images in this environment, and a client beside them."""
    domain_id = own_domain()
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    commands = (
        [TESTS / "support" / "fake_tracker.py", "ok", "--ros-args", "-p", "autostart:=true"],
        [TESTS / "faults" / "large_camera.py", "6"],
    )
    with ExitStack() as running:
        running.callback(rclpy.shutdown, context=context)
        client = Client(context)
        running.callback(client.close)
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, *command],
                env={**environment, "ROS_DOMAIN_ID": str(domain_id)},
            )
            running.callback(process.wait)
            running.callback(process.kill)
        yield client


def environment(*profile_variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
    return {**kept, **dict.fromkeys(profile_variables, str(PROFILE))}


def stream_values(client: Client) -> dict[str, str]:
    status = client.status("image stream")
    return {item.key: item.value for item in status.values} if status else {}


def test_i4_large_images_that_fast_dds_loses_are_told_with_the_cure() -> None:
    with camera_and_tracker(environment()) as client:
        status = client.wait_for_status("image stream", WARN, "were lost on their way", START_S)
        assert "config/fastdds.xml" in status.message
        assert all(name in status.message for name in PROFILE_VARIABLES)
        assert int(stream_values(client)["lost on their way"]) >= 3


def test_i4_with_the_profile_large_images_arrive_and_nothing_is_told() -> None:
    with camera_and_tracker(environment(*PROFILE_VARIABLES)) as client:

        def has_received_many() -> bool:
            return int(stream_values(client).get("received", 0)) >= 30

        wait_until(has_received_many, "thirty images", START_S)
        status: Any = client.status("image stream")
        assert status.level == bytes([OK]), status.message
        assert "lost" not in status.message


@pytest.mark.parametrize(
    ("arrived", "lost", "is_told"),
    [
        pytest.param(0, 0, False, id="nothing"),
        pytest.param(100, 2, False, id="few"),
        pytest.param(300, 20, False, id="a small share"),
        pytest.param(1, 2, False, id="too few to decide_status"),
        pytest.param(17, 133, True, id="most"),
        pytest.param(0, 5, True, id="all"),
    ],
)
def test_i4_only_a_considerable_loss_is_told(arrived: int, lost: int, is_told: bool) -> None:
    images = LostImages(Clock())
    for _ in range(arrived):
        images.add_arrived(LARGE_BYTES)
    images.add_lost(lost)
    assert bool(images.remark()) == is_told
    assert images.total == lost
    if is_told:
        assert images.remark().startswith(f"{lost} of {arrived + lost} images of the last 10 s")


def test_i4_a_loss_is_forgotten_once_it_is_over() -> None:
    clock = Clock()
    images = LostImages(clock)
    images.add_lost(50)
    assert images.remark()
    clock.now_s += WINDOW_S + 0.1
    assert not images.remark()
    assert images.total == 50


@pytest.mark.parametrize(
    ("middleware", "size_bytes", "variable", "words"),
    [
        ("rmw_fastrtps_cpp", LARGE_BYTES, None, "without a profile: set FASTDDS_DEFAULT"),
        ("rmw_fastrtps_dynamic_cpp", LARGE_BYTES, None, "without a profile: set FASTDDS_DEFAULT"),
        ("rmw_fastrtps_cpp", LARGE_BYTES, PROFILE_VARIABLES[0], "for the camera's process, too?"),
        ("rmw_fastrtps_cpp", LARGE_BYTES, PROFILE_VARIABLES[1], "for the camera's process, too?"),
        ("rmw_fastrtps_cpp", 320 * 240 * 3, None, "publish smaller or fewer images"),
        ("rmw_cyclonedds_cpp", LARGE_BYTES, None, "publish smaller or fewer images"),
    ],
)
def test_i4_the_cure_is_that_of_the_middleware_and_of_the_images(
    monkeypatch: pytest.MonkeyPatch,
    middleware: str,
    size_bytes: int,
    variable: str | None,
    words: str,
) -> None:
    monkeypatch.setattr(lost_images, "get_rmw_implementation_identifier", lambda: middleware)
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(PROFILE))
    images = LostImages(Clock())
    images.add_arrived(size_bytes)
    images.add_lost(20)
    assert words in images.remark()
