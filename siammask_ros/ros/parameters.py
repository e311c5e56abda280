"""The node's parameters: the fields of four dataclasses, declared, checked and read in one place.

A change builds new configurations; only when all of them are legal is any of it taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from siammask_ros.engines.registry import EngineConfig
from siammask_ros.errors import ConfigError
from siammask_ros.ros.guard import Border, described
from siammask_ros.ros.node_config import NodeConfig
from siammask_ros.session import SessionConfig
from siammask_ros.tracker.config import SETTINGS, TrackerConfig, settings_named

# Fixed when the process starts.
START_ONLY = frozenset({"autostart", "settings"})

# Taken up when the node is activated.
NEEDS_RELOAD = frozenset({"image_transport", *(item.name for item in fields(EngineConfig))})


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
        return cls(*(_built(config, values) for config in _CONFIGS))


_CONFIGS: tuple[type[Any], ...] = (NodeConfig, EngineConfig, TrackerConfig, SessionConfig)


class Parameters:
    """Declares the parameters of a node and keeps ``settings`` in step with them.

    ``is_active`` tells whether a reload is out of the question; ``on_change`` gets the new
    settings. Raises ConfigError for an illegal or unknown value to start with.
    """

    def __init__(
        self,
        node: Node,
        border: Border,
        is_active: Callable[[], bool],
        on_change: Callable[[Settings], None],
    ) -> None:
        self._node = node
        self._is_active = is_active
        self._on_change = on_change
        # These two choose the defaults of the tracker's.
        self._declare(NodeConfig, NodeConfig())
        self._declare(EngineConfig, EngineConfig())
        values = self._values()
        self._declare(TrackerConfig, default_tracker(values["settings"], values["model"]))
        self._declare(SessionConfig, SessionConfig())
        self.settings = Settings.of(self._values())
        self._refuse_unknown()
        node.add_on_set_parameters_callback(border.guard(self._judge, _internal_error))
        node.add_post_set_parameters_callback(border.guard(self._take_up))

    def _declare(self, config: type[Any], defaults: Any) -> None:
        for item in fields(config):
            default = getattr(defaults, item.name)
            self._node.declare_parameter(item.name, default, _descriptor(item))

    def _values(self) -> dict[str, Any]:
        names = (item.name for config in _CONFIGS for item in fields(config))
        return {
            name: self._node.get_parameter(name).value
            for name in names
            if self._node.has_parameter(name)
        }

    def _refuse_unknown(self) -> None:
        # rclpy has no public list of what the command line and parameter files gave.
        given = getattr(self._node, "_parameter_overrides", {})
        unknown = sorted(
            name
            for name in given
            if not self._node.has_parameter(name) and not name.startswith("qos_overrides.")
        )
        if unknown:
            known = ", ".join(sorted(self._values()))
            raise ConfigError(
                f"unknown parameters: {', '.join(unknown)}; expected some of: {known}"
            )

    def _judge(self, changes: Iterable[Parameter]) -> SetParametersResult:
        """Whether a change may be made; nothing is changed here."""
        new = {change.name: change.value for change in changes}
        late = sorted(NEEDS_RELOAD & new.keys())
        if late and self._is_active():
            return _refused(f"{', '.join(late)} cannot change while active: deactivate first")
        try:
            Settings.of({**self._values(), **new})
        except ConfigError as error:
            return _refused(str(error))
        return SetParametersResult(successful=True)

    def _take_up(self, changes: Iterable[Parameter]) -> None:
        settings = Settings.of(self._values())
        if settings != self.settings:
            self.settings = settings
            self._on_change(settings)


def default_tracker(settings: str, model: str) -> TrackerConfig:
    """The tracker's defaults: of a named set, or with auto of the model's own.

    For the authors' network those are the ones tuned for its masks on DAVIS.
    """
    if settings != "auto":
        return settings_named(settings)
    return SETTINGS.get(model, SETTINGS["davis"])


def _built(config: type[Any], values: Mapping[str, Any]) -> Any:
    chosen = {item.name: values[item.name] for item in fields(config) if item.name in values}
    for item in fields(config):
        value = chosen.get(item.name)
        if isinstance(item.default, float) and type(value) is int:
            chosen[item.name] = float(value)
    return config(**chosen)


def _descriptor(item: Field[Any]) -> ParameterDescriptor:
    """What a person who lists the parameters gets to know of one."""
    about = item.metadata
    descriptor = ParameterDescriptor(
        description=about.get("description", ""), read_only=item.name in START_ONLY
    )
    if about.get("choices"):
        descriptor.additional_constraints = f"one of: {', '.join(about['choices'])}"
    elif item.name in NEEDS_RELOAD:
        descriptor.additional_constraints = "cannot change while active"
    if isinstance(item.default, float):
        # Lets `size_rate: 1` in a file stand for 1.0; the range and type are checked all the same.
        descriptor.dynamic_typing = True
        limits = FloatingPointRange(from_value=float(about["low"]), to_value=float(about["high"]))
        descriptor.floating_point_range = [limits]
    elif "low" in about:
        limits = IntegerRange(from_value=int(about["low"]), to_value=int(about["high"]))
        descriptor.integer_range = [limits]
    return descriptor


def _refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)


def _internal_error(error: Exception, *_: Any) -> SetParametersResult:
    return _refused(f"internal error, nothing was changed: {described(error)}")
