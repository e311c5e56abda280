"""Everything private of rclpy that the nodes use: a new ROS 2 can break this file only."""

from __future__ import annotations

from rclpy._rclpy_pybind11 import InvalidHandle, RCLError, UnknownROSArgsError
from rclpy.lifecycle import LifecycleNode
from rclpy.service import Service

__all__ = [
    "InvalidHandle",
    "RCLError",
    "UnknownROSArgsError",
    "change_state_service",
    "destroy_lifecycle_services",
]


def change_state_service(node: LifecycleNode) -> Service:
    """Return the service `~/change_state` of a lifecycle node."""
    return node._service_change_state


def destroy_lifecycle_services(node: LifecycleNode) -> None:
    """Destroy the lifecycle services of a destroyed node: rclpy keeps them, and no call returns."""
    node._state_machine.destroy_when_not_in_use()
