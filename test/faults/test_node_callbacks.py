"""Row H6: an exception in any callback is caught by the guard, counted, and spinning goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from sensor_msgs.msg import CameraInfo, Image
from siammask_ros.srv import Follow
from std_msgs.msg import String
from support.calibrated_camera import camera_info
from support.moving_square import square_box
from support.node_bench import NODE, NodeBench, box_message
from support.session_bench import wait_until

from siammask_ros.ros.spatial import calibration as calibration_module
from siammask_ros.ros.spatial import depth as depth_module
from siammask_ros.ros.spatial.localizer import TargetLocalizer
from siammask_ros.ros.tracking_io import follow as follow_module
from siammask_ros.ros.tracking_io import publishers as publishers_module
from siammask_ros.session import Session


class InjectedError(Exception):
    """Stands for any bug of ours."""


def broken(*arguments: Any, **named: Any) -> Any:
    raise InjectedError("injected")


CALLBACKS: list[Any] = [
    pytest.param(Session, "submit", "on_image", lambda b: b.client.send(1), id="image"),
    pytest.param(
        Session,
        "start_target",
        "on_init_box",
        lambda b: b.client.send_box(square_box(0), "2"),
        id="init_box",
    ),
    pytest.param(
        follow_module,
        "image_to_mask",
        "on_init_mask",
        lambda b: b.publisher(Image, f"{NODE}/init_mask").publish(Image()),
        id="init_mask",
    ),
    pytest.param(
        Session,
        "forget",
        "on_forget_message",
        lambda b: b.client.forget.publish(String(data="1")),
        id="forget",
    ),
    pytest.param(Session, "reset", "on_reset", lambda b: b.client.reset(), id="reset"),
    pytest.param(Session, "set_paused", "on_pause", lambda b: b.client.pause(True), id="pause"),
    pytest.param(Session, "health", "report", lambda b: None, id="diagnostics-timer"),
    pytest.param(Session, "build_stale_result", "watch", lambda b: None, id="watch-timer"),
    pytest.param(
        publishers_module.messages,
        "build_tracks",
        "publish",
        lambda b: b.client.send(1),
        id="publishing",
    ),
    pytest.param(
        calibration_module,
        "read_camera_info",
        "on_camera_info",
        lambda b: b.publisher(CameraInfo, "/camera_info").publish(camera_info()),
        id="camera_info",
    ),
    pytest.param(
        TargetLocalizer, "locate", "locate", lambda b: b.client.send(1), id="where-targets-are"
    ),
    pytest.param(
        depth_module,
        "read_depth_image",
        "on_depth",
        lambda b: b.publisher(Image, "/depth").publish(Image()),
        id="depth",
    ),
    pytest.param(
        Session,
        "reconfigure",
        "apply",
        lambda b: b.client.set_parameters(size_rate=0.5),
        id="parameters",
    ),
]


@pytest.mark.parametrize(("where", "what", "counted", "provoke"), CALLBACKS)
def test_h6_an_exception_in_a_callback_is_counted_and_the_next_frame_tracked(
    where: Any,
    what: str,
    counted: str,
    provoke: Callable[[NodeBench], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        with monkeypatch.context() as patch:
            patch.setattr(where, what, broken)
            provoke(bench)
            wait_until(lambda: bench.node._guard.caught[counted] >= 1, f"{counted} to be counted")
        bench.assert_tracks(1)

        def is_told() -> bool:
            status = bench.client.status("inference")
            values = {item.key: item.value for item in status.values} if status else {}
            return int(values.get(f"caught in {counted}", "0")) >= 1

        wait_until(is_told, "diagnostics to tell it")
        bench.assert_tracks(2)


def test_h6_a_service_whose_callback_raises_still_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        with monkeypatch.context() as patch:
            patch.setattr(Session, "reset", broken)
            answer = bench.client.reset()
        assert not answer.success
        assert answer.message == "InjectedError: injected"
        bench.assert_tracks(1)


def test_h6_a_service_that_answers_later_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with NodeBench() as bench:
        bench.started(0)
        call = Follow.Request(boxes=[box_message(square_box(0)).bbox])
        with monkeypatch.context() as patch:
            patch.setattr(Session, "start_target", broken)
            answer = bench.client.call(Follow, f"{NODE}/follow", call)
        assert (answer.success, answer.message) == (False, "InjectedError: injected")
        assert bench.node._guard.caught["on_follow"] == 1
        assert bench.client.call(Follow, f"{NODE}/follow", call).success
        bench.assert_tracks(1)


def test_c8_answers_that_can_never_be_published_are_an_error_until_one_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        publishers = bench.node._topics
        with monkeypatch.context() as patch:
            patch.setattr(publishers_module.messages, "build_tracks", broken)
            for count in range(1, 11):
                # A best-effort image may be lost: until one more has failed.
                while publishers.failed_in_row < count:
                    bench.client.send(1)
                    time.sleep(0.05)
            words = "answers in a row were not published: publish: InjectedError: injected"
            bench.client.wait_for_status("inference", 2, words)
        bench.assert_tracks(2)
        wait_until(lambda: publishers.failed_in_row == 0, "the end of the failures")
