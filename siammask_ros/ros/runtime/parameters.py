"""A node's parameters: fields of configuration dataclasses, declared, checked and kept in step.

A change builds a new value of all settings; only when that is legal is any of it taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from siammask_ros.errors import ConfigError
from siammask_ros.ros.runtime.compatibility import call_after_parameter_change
from siammask_ros.ros.runtime.guard import CallbackGuard, describe_error

S = TypeVar("S")

READ_ONLY = "read only"


class UnchangedParameters:
    """For a node: to set a parameter to the value that it has is no change, so nobody refuses it.

    A node's own dump can be loaded again in every state. Both parameter services end up here.
    """

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Sets those whose values are new."""
        changes = [each for each in parameter_list if not self._holds(each)]
        if parameter_list and not changes:
            return SetParametersResult(successful=True)
        return super().set_parameters_atomically(changes)  # type: ignore[misc]

    def _holds(self, given: Parameter) -> bool:
        node: Any = self
        if not node.has_parameter(given.name):
            return False
        present = node.get_parameter(given.name)
        return present.type_ == given.type_ and bool(present.value == given.value)


class LiveParameters(Generic[S]):
    """Keeps ``settings`` in step with a node's parameters, which are declared already.

    ``names`` are those of the parameters that ``build`` makes the settings of; it raises
    ConfigError for an illegal value. ``refusal`` says why the parameters of these names cannot
    change now, or nothing; ``on_change`` gets the new settings. Raises ConfigError for an illegal
    or unknown value to start with.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        names: Iterable[str],
        build: Callable[[Mapping[str, Any]], S],
        on_change: Callable[[S], None],
        refusal: Callable[[set[str]], str] = lambda names: "",
    ) -> None:
        self._node = node
        self._names = tuple(names)
        self._build = build
        self._on_change = on_change
        self._refusal = refusal
        self.settings = build(self._values())
        self._refuse_unknown()
        node.add_on_set_parameters_callback(guard.wrap(self._judge, _internal_error))
        call_after_parameter_change(node, guard.wrap(self._take_up))

    def _values(self) -> dict[str, Any]:
        return {name: self._node.get_parameter(name).value for name in self._names}

    def _refuse_unknown(self) -> None:
        # rclpy has no public list of what the command line and parameter files gave.
        given = getattr(self._node, "_parameter_overrides", {})
        unknown = sorted(
            name
            for name in given
            if not self._node.has_parameter(name) and not name.startswith("qos_overrides.")
        )
        if unknown:
            known = ", ".join(sorted(self._names))
            raise ConfigError(
                f"unknown parameters: {', '.join(unknown)}; expected some of: {known}"
            )

    def _judge(self, changes: Iterable[Parameter]) -> SetParametersResult:
        """Whether a change may be made; nothing is changed here."""
        new = {change.name: change.value for change in changes}
        refusal = self._refusal(set(new))
        if refusal:
            return _refused(refusal)
        try:
            self._build({**self._values(), **new})
        except ConfigError as error:
            return _refused(str(error))
        return SetParametersResult(successful=True)

    def _take_up(self, changes: Iterable[Parameter]) -> None:
        settings = self._build(self._values())
        if settings != self.settings:
            self.settings = settings
            self._on_change(settings)


def declare(node: Node, defaults: Any, constraints: Mapping[str, str] | None = None) -> None:
    """Declares a parameter for each field of a configuration, whose values are the defaults.

    ``constraints`` tells of a field, by name, when it can be changed; READ_ONLY for never.
    """
    said = constraints or {}
    for item in fields(defaults):
        descriptor = _descriptor(item, said.get(item.name, ""))
        node.declare_parameter(item.name, getattr(defaults, item.name), descriptor)


def built(config: type[Any], values: Mapping[str, Any]) -> Any:
    """The configuration of this class that holds these values; others are passed over."""
    chosen = {item.name: values[item.name] for item in fields(config) if item.name in values}
    for item in fields(config):
        value = chosen.get(item.name)
        if isinstance(item.default, float) and type(value) is int:
            chosen[item.name] = float(value)
    return config(**chosen)


def _descriptor(item: Field[Any], constraint: str) -> ParameterDescriptor:
    """What a person who lists the parameters gets to know of one."""
    about = item.metadata
    descriptor = ParameterDescriptor(
        description=about.get("description", ""), read_only=constraint == READ_ONLY
    )
    if about.get("choices"):
        descriptor.additional_constraints = f"one of: {', '.join(about['choices'])}"
    elif constraint != READ_ONLY:
        descriptor.additional_constraints = constraint
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
    return _refused(f"internal error, nothing was changed: {describe_error(error)}")
