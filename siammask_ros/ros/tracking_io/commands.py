"""Commands for existing targets: ~/forget, ~/list, ~/reset and ~/pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from siammask_ros.errors import SiamMaskError
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard, failure_response
from siammask_ros.session import Session
from siammask_ros.srv import Forget, List


class Commands:
    """Passes commands to the active session; they are available in every state of the node.

    ``active_session`` raises SiamMaskError with the name of the state if the node is not active.
    """

    def __init__(
        self, node: Node, guard: CallbackGuard, active_session: Callable[[], Session]
    ) -> None:
        self._guard = guard
        self._active_session = active_session
        group = MutuallyExclusiveCallbackGroup()
        node.create_subscription(
            String,
            "~/forget",
            guard.wrap(self._on_forget_message, interface="~/forget"),
            qos.COMMANDS,
            callback_group=group,
        )
        for service, name, answer in (
            (Forget, "~/forget", self._on_forget),
            (List, "~/list", self._on_list),
            (Trigger, "~/reset", self._on_reset),
            (SetBool, "~/pause", self._on_pause),
        ):
            guarded_callback = guard.wrap(answer, failure_response, name)
            node.create_service(
                service, name, guarded_callback, qos_profile=qos.SERVICES, callback_group=group
            )

    def _forget(self, target_id: str) -> None:
        """Forget a target; raises SiamMaskError if the id is unknown."""
        if not self._active_session().forget(target_id):
            raise SiamMaskError(f"no such target: {target_id[:64]!r}")

    def _on_forget_message(self, message: String) -> None:
        self._forget(message.data)

    def _on_forget(self, request: Any, response: Any) -> Any:
        self._forget(request.id)
        response.success, response.message = True, f"target {request.id!r} forgotten"
        return response

    def _on_list(self, request: Any, response: Any) -> Any:
        statuses = self._active_session().health().statuses
        response.success = True
        response.ids = list(statuses)
        response.states = [int(status) for status in statuses.values()]
        states = ", ".join(f"{target_id!r} {status.name}" for target_id, status in statuses.items())
        response.message = f"{_count(len(statuses))}: {states}" if statuses else "no targets"
        return response

    def _on_reset(self, request: Any, response: Any) -> Any:
        count = self._active_session().reset()
        response.success, response.message = True, f"{_count(count)} forgotten"
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._active_session().set_paused(request.data)
        response.success, response.message = True, "paused" if request.data else "running"
        return response


def _count(targets: int) -> str:
    return "1 target" if targets == 1 else f"{targets} targets"
