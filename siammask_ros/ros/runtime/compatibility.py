"""What differs between the ROS 2 distributions, and everything private of rclpy that we use.

A new ROS 2 can break this file only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from rcl_interfaces.msg import SetParametersResult
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError, UnknownROSArgsError
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.service import Service
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

__all__ = [
    "InvalidHandle",
    "RCLError",
    "SubscriptionEventCallbacks",
    "UnknownROSArgsError",
    "UnsupportedEventTypeError",
    "call_after_parameter_change",
    "change_state_service",
    "destroy_lifecycle_services",
    "subscription_callback",
    "transition_underway",
]


def change_state_service(node: LifecycleNode) -> Service:
    """Return the service `~/change_state` of a lifecycle node."""
    return node._service_change_state


def transition_underway(node: LifecycleNode) -> AbstractContextManager[Any]:
    """Return a context in which a lifecycle node's states stay, although the node is destroyed.

    A transition that ends without them is a segmentation fault.
    """
    return cast("AbstractContextManager[Any]", node._state_machine)


def destroy_lifecycle_services(node: LifecycleNode) -> None:
    """Destroy the lifecycle services of a destroyed node: rclpy keeps them, and no call returns."""
    node._state_machine.destroy_when_not_in_use()


def call_after_parameter_change(node: Node, callback: Callable[[list[Parameter]], None]) -> None:
    """Have ``callback`` called with the parameters that were set, once they are in force."""
    if hasattr(node, "add_post_set_parameters_callback"):
        node.add_post_set_parameters_callback(callback)
        return
    # Both parameter services of Humble call this method of the node.
    set_atomically = node.set_parameters_atomically

    def set_and_call(parameter_list: list[Parameter]) -> SetParametersResult:
        result = set_atomically(parameter_list)
        if result.successful:
            callback(parameter_list)
        return result

    node.set_parameters_atomically = set_and_call  # type: ignore[method-assign]


def has_message_info() -> bool:
    """Return whether a subscription's callback can get a message's info too."""
    return hasattr(Subscription, "CallbackType")


def subscription_callback(
    callback: Callable[[Any, Mapping[str, int]], None],
) -> Callable[..., None]:
    """Return what calls ``callback(message, info)``; without message infos, ``info`` is empty."""
    if has_message_info():
        return callback
    return lambda message: callback(message, {})
