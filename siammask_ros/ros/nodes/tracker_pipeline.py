"""What runs while the tracker node is active: subscribers, session, publishers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.lifecycle import LifecycleNode

from siammask_ros.ros.nodes.tracker_parameters import Parameters, Settings
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.spatial.localizer import TargetLocalizer
from siammask_ros.ros.tracking_io.camera import Camera
from siammask_ros.ros.tracking_io.candidates import Candidates
from siammask_ros.ros.tracking_io.follow import FollowCommands
from siammask_ros.ros.tracking_io.publishers import Publishers
from siammask_ros.session import FrameResult, Session, Tracker


class TrackerPipeline:
    """Camera images go to the session, its results to the publishers.

    ``activate`` creates a pipeline and ``deactivate`` closes it. ``commands`` starts the
    targets. ``on_lost`` is that of ``Session``.
    """

    def __init__(
        self,
        node: LifecycleNode,
        guard: CallbackGuard,
        parameters: Parameters,
        engine: Any,
        publishers: Publishers,
        config_serial: int,
        commands: FollowCommands,
        on_lost: Callable[[str], None],
    ) -> None:
        self.config_serial = config_serial
        self._publishers = publishers
        self._has_stopped = True
        settings = parameters.settings
        # If a part cannot be created, those before it are closed.
        with ExitStack() as parts:
            self.localizer = TargetLocalizer(node, guard, parameters.node_config)
            parts.callback(self.localizer.close)
            publishers.prepare_tf(settings.node)
            self.session = Session(
                Tracker(engine, settings.tracker),
                self._on_result,
                settings.session,
                on_refusal=commands.warn_refused,
                config_serial=config_serial,
                on_lost=on_lost,
            )
            parts.callback(self._stop_session)
            self.camera = Camera(
                *(node, guard, settings.node.image_transport, self.session),
                parameters.node_config,
            )
            parts.callback(self.camera.close)
            self.candidates = Candidates(
                *(node, guard, self.session, parameters.node_config, commands)
            )
            parts.callback(self.candidates.close)
            self._parts = parts.pop_all()

    def reconfigure(self, settings: Settings) -> None:
        """Apply new parameters from the next frame on."""
        self.config_serial = self.session.reconfigure(settings.tracker, settings.session)

    def close(self) -> bool:
        """Close the subscribers, then stop the session; return False if an inference hangs."""
        self._parts.close()
        return self._has_stopped

    def _on_result(self, result: FrameResult) -> None:
        self._publishers.put(result, self.localizer)

    def _stop_session(self) -> None:
        self._has_stopped = self.session.stop()
