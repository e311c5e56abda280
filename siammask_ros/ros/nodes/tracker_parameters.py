"""The parameters of the tracker node: the fields of four dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rclpy.node import Node

from siammask_ros.engines.registry import EngineConfig
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.ros.runtime.parameters import READ_ONLY, LiveParameters, build_config, declare
from siammask_ros.session import SessionConfig
from siammask_ros.tracker.config import TrackerConfig, find_preset, preset_of_model

# Fixed when the process starts. No other node may choose where files are written.
START_ONLY = frozenset({"autostart", "restarted", "templates_dir", "tracker_preset"})

# Applied by activate: they need a subscription, a publisher or a prepared engine.
NEEDS_RELOAD = frozenset(
    {
        *("image_transport", "publish_tf", "target_frame", "multi_target_threshold"),
        *(item.name for item in fields(EngineConfig)),
    }
)

_CONSTRAINTS = {
    **dict.fromkeys(NEEDS_RELOAD, "cannot change while active"),
    **dict.fromkeys(START_ONLY, READ_ONLY),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All configurations of a node."""

    node: NodeConfig
    engine: EngineConfig
    tracker: TrackerConfig
    session: SessionConfig

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """The configurations that hold these values; raises ConfigError for an illegal one."""
        return cls(*(build_config(config, values) for config in _CONFIGS))


_CONFIGS: tuple[type[Any], ...] = (NodeConfig, EngineConfig, TrackerConfig, SessionConfig)


class Parameters(LiveParameters[Settings]):
    """Declares the parameters of a tracker node and keeps ``settings`` up to date.

    ``is_active`` returns whether the node is active; ``on_change`` gets the new settings. Raises
    ConfigError for an illegal value or an unknown parameter at the start.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        is_active: Callable[[], bool],
        on_change: Callable[[Settings], None],
    ) -> None:
        for defaults in (NodeConfig(), EngineConfig()):
            declare(node, defaults, _CONSTRAINTS)
        # These two select the defaults of the tracker's parameters.
        preset, model = (node.get_parameter(name).value for name in ("tracker_preset", "model"))
        declare(node, default_tracker(preset, model), _CONSTRAINTS)
        declare(node, SessionConfig(), _CONSTRAINTS)

        def refusal(names: set[str]) -> str:
            late = sorted(NEEDS_RELOAD & names)
            if late and is_active():
                return f"{', '.join(late)} cannot change while active: deactivate first"
            return ""

        names = (item.name for config in _CONFIGS for item in fields(config))
        super().__init__(node, guard, names, lambda values: Settings.of(values), on_change, refusal)

    def node_config(self) -> NodeConfig:
        """Return the current parameters of the node itself."""
        return self.settings.node


def default_tracker(preset: str, model: str) -> TrackerConfig:
    """Return the tracker's defaults: a named preset or, with auto, that of the model."""
    return find_preset(preset_of_model(model) if preset == "auto" else preset)
