"""What stands in for the parts of rclpy that Humble does not have, with their names hidden."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from support.follower_bench import FollowerBench
from support.node_bench import NodeBench

from siammask_ros.ros.runtime import compatibility


@pytest.fixture
def node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context)
    node = Node("node", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def as_on_humble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Node, "add_post_set_parameters_callback")
    monkeypatch.setitem(sys.modules, "rclpy.parameter_client", None)


@pytest.mark.parametrize("is_hidden", [False, True], ids=["Jazzy", "Humble"])
def test_a_parameter_change_is_told_once_it_is_in_force(
    node: Node, request: pytest.FixtureRequest, is_hidden: bool
) -> None:
    if is_hidden:
        request.getfixturevalue("as_on_humble")
    node.declare_parameter("rate", 1)
    node.add_on_set_parameters_callback(
        lambda parameters: SetParametersResult(successful=parameters[0].value < 10)
    )
    told: list[tuple[str, int]] = []

    def on_change(parameters: list[Parameter]) -> None:
        told.extend((each.name, node.get_parameter("rate").value) for each in parameters)

    compatibility.call_after_parameter_change(node, on_change)
    assert node.set_parameters_atomically([Parameter("rate", value=2)]).successful
    assert not node.set_parameters_atomically([Parameter("rate", value=11)]).successful
    assert told == [("rate", 2)]


def test_a_node_takes_up_parameters_where_rclpy_has_no_such_callback(as_on_humble: None) -> None:
    with FollowerBench() as bench:
        (answer,) = bench.set_parameters(max_linear_m_s=0.05)
        assert answer.successful
        assert bench.node.config.max_linear_m_s == 0.05
        bench.until_driving()
        assert bench.node.config.enabled


def test_images_arrive_where_callbacks_get_no_message_info(
    as_on_humble: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compatibility, "has_message_info", lambda: False)
    with NodeBench() as bench:
        callback = bench.node._pipeline.camera._subscription.callback
        assert len(inspect.signature(callback).parameters) == 1
        bench.started()
        bench.assert_tracks(1)


def test_event_callbacks_are_found_under_humbles_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import rclpy.event_handler as event_handler

    humble = ModuleType("rclpy.qos_event")
    for name in ("SubscriptionEventCallbacks", "UnsupportedEventTypeError"):
        setattr(humble, name, getattr(event_handler, name))
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "rclpy.event_handler", None)
        hidden.setitem(sys.modules, "rclpy.qos_event", humble)
        importlib.reload(compatibility)
    assert compatibility.UnsupportedEventTypeError is event_handler.UnsupportedEventTypeError
    importlib.reload(compatibility)
