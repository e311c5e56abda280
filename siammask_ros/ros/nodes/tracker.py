"""The lifecycle node `siammask_tracker`: camera images in, masks, boxes and tracks out."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.errors import EngineLostError, SiamMaskError
from siammask_ros.ros.nodes.tracker_parameters import Parameters, Settings
from siammask_ros.ros.nodes.tracker_pipeline import TrackerPipeline
from siammask_ros.ros.runtime.closing import ClosingNode
from siammask_ros.ros.runtime.compatibility import (
    destroy_lifecycle_services,
    transition_underway,
)
from siammask_ros.ros.runtime.exit_codes import EXIT_ENGINE_LOST
from siammask_ros.ros.runtime.guard import CallbackGuard, describe_error, guard_change_state_service
from siammask_ros.ros.runtime.log_forwarding import LogForwarding
from siammask_ros.ros.runtime.parameters import UnchangedParameters
from siammask_ros.ros.runtime.process import run
from siammask_ros.ros.runtime.running_file import RunningFile
from siammask_ros.ros.runtime.shared_memory import remove_abandoned_segments
from siammask_ros.ros.tracking_io.commands import Commands
from siammask_ros.ros.tracking_io.diagnostics import (
    RESTARTED,
    ImageTopic,
    NodeHealth,
    describe_state,
)
from siammask_ros.ros.tracking_io.follow import FollowCommands
from siammask_ros.ros.tracking_io.publishers import Publishers
from siammask_ros.ros.tracking_io.status_publisher import StatusPublisher
from siammask_ros.ros.tracking_io.target_files import TargetFiles
from siammask_ros.session import Health, Session, Tracker, warm_up

NAME = "siammask_tracker"


class TrackerNode(ClosingNode, UnchangedParameters, LifecycleNode):
    """Tracks targets in the images of a camera.

    ``open_engine`` creates the inference engine of an EngineConfig. ``configure`` loads the engine
    and warms it up; between ``activate`` and ``deactivate`` a TrackerPipeline tracks the targets.
    """

    def __init__(self, open_engine: Callable[[EngineConfig], Any] = open_engine, **node: Any):
        super().__init__(NAME, **node)
        self._open_engine = open_engine
        self._guard = CallbackGuard(self.get_logger())
        self._log_forwarding = LogForwarding(self.get_logger())
        self._log_forwarding.install()
        self.closing.callback(self._log_forwarding.remove)
        self._state, self._underway = "unconfigured", ""
        self._is_starting = False
        self._failure = ""
        self._engine: Any = None
        self._prepared: tuple[EngineConfig, int] | None = None
        self._pipeline: TrackerPipeline | None = None
        self._config_serial = 0
        self._own_parameters = Parameters(
            self, self._guard, lambda: self._state == "active", self._on_new_settings
        )
        config = self._own_parameters.node_config
        self._topics = Publishers(self, self._guard, config)
        self.closing.callback(self._topics.close)
        self._follow_commands = FollowCommands(
            self,
            self._guard,
            self._active_session,
            config,
            lambda: self._own_parameters.settings.session.start_timeout_s,
        )
        Commands(self, self._guard, self._active_session)
        TargetFiles(self, self._guard, self._active_session, config)
        self._on_engine_lost: Callable[[], None] = lambda: None
        self.is_engine_lost = self._restarted = False
        if self._own_parameters.settings.node.restarted:
            self.follow_dead_process()
        self._status_publisher = StatusPublisher(
            self,
            self._guard,
            self._current_session,
            self._build_health,
            self._topics.publish_tracks,
        )
        self.closing.callback(self._end)
        guard_change_state_service(self, self._guard, lambda: self._state)

    def _current_session(self) -> Session | None:
        return self._pipeline.session if self._pipeline is not None else None

    def _active_session(self) -> Session:
        session = self._current_session()
        if session is None:
            raise SiamMaskError(f"node is {self._state}; activate it first")
        return session

    def _on_new_settings(self, settings: Settings) -> None:
        if self._pipeline is not None:
            self._pipeline.reconfigure(settings)

    def _build_health(self, health: Health | None) -> NodeHealth:
        """Return the health of the node besides that of its session."""
        pipeline = self._pipeline
        self._restarted = self._restarted and not (health and health.statuses)
        info = getattr(self._engine, "info", None)
        about = ("engine", "device", "precision", "checkpoint", "sha256", "reason")
        return NodeHealth(
            name=self.get_fully_qualified_name().lstrip("/"),
            state=self._state,
            underway=self._underway,
            failure=self._failure,
            restarted=self._restarted,
            image_topic=pipeline.camera.describe() if pipeline else ImageTopic(),
            engine={key: str(getattr(info, key)) for key in about} if info else {},
            caught=dict(self._guard.caught),
            recently_caught=self._guard.recent,
            unpublished=self._topics.unpublished,
            failed_to_publish_in_row=self._topics.failed_in_row,
            space=pipeline.localizer.state() if pipeline else {},
            auto_follow=pipeline.candidates.describe_auto_follow() if pipeline else "",
            space_refusal=self._space_refusal(pipeline),
        )

    def _space_refusal(self, pipeline: TrackerPipeline | None) -> str:
        if pipeline is None:
            return ""
        return "; ".join(filter(None, (pipeline.localizer.refusal, self._topics.pose_refusal)))

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the engine and warm it up."""
        return self._transition("configure", self._load_engine, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to process images."""
        done = self._transition("activate", self._begin, "active")
        if done == TransitionCallbackReturn.SUCCESS:
            return super().on_activate(state)
        self._end()
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop processing and forget the targets."""
        super().on_deactivate(state)
        return self._transition("deactivate", self._end, "inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the engine."""
        return self._transition("cleanup", self._unload, "unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop everything."""
        return self._transition("shutdown", self._unload, "finalized")

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured, from where everything can be tried again."""
        return self._transition("clean up after an error", self._unload, "unconfigured")

    def autostart(self) -> None:
        """Configure and activate without a lifecycle manager."""
        self._is_starting = True
        with transition_underway(self):
            if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
                self.trigger_activate()
        self._is_starting = False

    def follow_dead_process(self) -> None:
        """Report that the previous process died, and remove its shared memory."""
        self._restarted = True
        self.get_logger().warning(RESTARTED)
        remove_abandoned_segments()

    def log_state(self) -> None:
        """Log the state and what the node waits for."""
        self.get_logger().info(self._state if self._is_starting else describe_state(self._state))

    def on_engine_lost(self, callback: Callable[[], None]) -> None:
        """Set the callback for a lost engine: only a new process can continue."""
        self._on_engine_lost = callback

    def destroy_node(self) -> None:
        """Close the node, then the services that rclpy leaves."""
        super().destroy_node()
        destroy_lifecycle_services(self)

    def _transition(
        self, name: str, action: Callable[[], None], reached: str
    ) -> TransitionCallbackReturn:
        """Run a transition that can be tried again; rclpy would hide its exceptions."""
        self._underway = name
        try:
            action()
        except Exception as error:
            self._failure = f"{name} failed: {describe_error(error)}"
            self.get_logger().error(self._failure)
            if not isinstance(error, SiamMaskError):
                self.get_logger().error(traceback.format_exc())
            if isinstance(error, EngineLostError):
                self._lose_engine(str(error))
            return TransitionCallbackReturn.FAILURE
        finally:
            self._underway = ""
        self._failure = ""
        self._state = reached
        self.log_state()
        return TransitionCallbackReturn.SUCCESS

    def _load_engine(self) -> None:
        settings = self._own_parameters.settings
        prepared = settings.engine, settings.tracker.multi_target_threshold
        if self._engine is not None and prepared == self._prepared:
            return
        engine = self._open_engine(settings.engine)
        warm_up(Tracker(engine, settings.tracker), settings.session.max_targets)
        # Libraries and weights stay in memory. Without this the garbage collector scans all of
        # them while a frame waits.
        gc.collect()
        gc.freeze()
        self._engine, self._prepared = engine, prepared
        self.get_logger().info(f"engine ready: {engine.info}")

    def _begin(self) -> None:
        self._load_engine()
        self._pipeline = TrackerPipeline(
            self,
            self._guard,
            self._own_parameters,
            self._engine,
            self._topics,
            self._config_serial + 1,
            self._follow_commands,
            self._lose_engine,
        )
        self._config_serial = self._pipeline.config_serial
        self.get_logger().info(f"waiting for images on {self._pipeline.camera.topic}")

    def _end(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        self._config_serial = pipeline.config_serial
        if not pipeline.close():
            # Its requests and results would mix with those of the next session.
            self._engine = self._prepared = None
            self.get_logger().error("inference hangs; engine abandoned, activate loads a new one")

    def _unload(self) -> None:
        self._end()
        self._engine = self._prepared = None
        # Unfreeze, so that cycles of the engine's objects can be freed.
        gc.unfreeze()
        gc.collect()

    def _lose_engine(self, reason: str) -> None:
        self.get_logger().fatal(f"engine lost; exiting so that the node is restarted: {reason}")
        self._guard.wrap(self._status_publisher.report)()
        self.is_engine_lost = True
        self._on_engine_lost()


def _start(node: TrackerNode, stop_event: Any) -> int:
    mark = RunningFile(node.get_fully_qualified_name(), node.context.get_domain_id())
    if mark.take():
        node.follow_dead_process()
    node.on_engine_lost(stop_event.set)
    if node.get_parameter("autostart").value:
        assert node.executor is not None, "a node is spun before it starts"
        node.executor.create_task(node.autostart)
    else:
        node.log_state()
    stop_event.wait()
    if node.is_engine_lost:
        return EXIT_ENGINE_LOST
    mark.remove()
    return 0


def main(
    args: Sequence[str] | None = None,
    open_engine: Callable[[EngineConfig], Any] = open_engine,
) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    return run(lambda: TrackerNode(open_engine), args, _start)


if __name__ == "__main__":
    sys.exit(main())
