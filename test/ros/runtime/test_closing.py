"""A node whose constructor raised can be destroyed, as rclpy's context does from Kilted on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.exceptions import InvalidNamespaceException
from rclpy.parameter import Parameter
from support.moving_square import picture

from siammask_ros.errors import ConfigError, EngineError
from siammask_ros.ros.nodes.dashboard import DashboardNode
from siammask_ros.ros.nodes.follower import FollowerNode
from siammask_ros.ros.nodes.player import PlayerNode
from siammask_ros.ros.nodes.recorder import RecorderNode
from siammask_ros.ros.nodes.tracker import TrackerNode
from siammask_ros.ros.runtime.compatibility import change_state_service

NODES = [DashboardNode, FollowerNode, PlayerNode, RecorderNode, TrackerNode]
REFUSED = {PlayerNode: {"source": ""}, RecorderNode: {"record": ""}}


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


def half_built(node_class: Any, error: type[Exception], **arguments: Any) -> Any:
    """Return the node that a constructor leaves behind when it raises."""
    node = node_class.__new__(node_class)
    with pytest.raises(error):
        node.__init__(**arguments)
    return node


@pytest.mark.parametrize("node_class", NODES)
def test_a_node_that_refused_its_parameters_can_be_destroyed(
    context: Context, node_class: Any
) -> None:
    given = REFUSED.get(node_class, {"no_such_parameter": 1})
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    node = half_built(node_class, ConfigError, context=context, parameter_overrides=overrides)
    node.destroy_node()


@pytest.mark.parametrize("node_class", NODES)
def test_what_a_node_opened_is_closed_once(
    context: Context, tmp_path: Path, node_class: Any
) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), picture(0))
    given = {
        PlayerNode: {"source": str(tmp_path), "log": str(tmp_path / "log")},
        RecorderNode: {"record": str(tmp_path / "record")},
        DashboardNode: {"port": 0},
    }.get(node_class, {})
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    node = node_class(context=context, parameter_overrides=overrides)
    closed: list[str] = []
    node.closing.callback(closed.append, "closed")
    node.destroy_node()
    node.closing.close()
    assert closed == ["closed"]


def test_a_namespace_that_rclpy_refuses_leaves_nothing_to_close(context: Context) -> None:
    for node_class in NODES:
        node = half_built(
            node_class, InvalidNamespaceException, context=context, namespace="not a name"
        )
        node.closing.close()


@pytest.mark.parametrize("begin", ["service", "autostart"])
def test_a_node_that_is_destroyed_during_a_transition_does_not_crash(
    context: Context, begin: str
) -> None:
    is_opening, may_end = threading.Event(), threading.Event()

    def open_slowly(config: Any) -> Any:
        is_opening.set()
        may_end.wait(60)
        raise EngineError("too late")

    node = TrackerNode(open_slowly, context=context)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    change = {
        "service": lambda: change_state_service(node).callback(request, ChangeState.Response()),
        "autostart": node.autostart,
    }[begin]
    transition = threading.Thread(target=change)
    transition.start()
    assert is_opening.wait(60)
    node.destroy_node()
    may_end.set()
    transition.join(60)
    assert not transition.is_alive()
