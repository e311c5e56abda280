"""A node's parameters: declared from configuration dataclasses, validated and kept up to date.

A change builds a new configuration; it is applied only if all values are legal.
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
    """Node mix-in: setting a parameter to its current value is not a change and never refused.

    So a parameter dump of the node can be loaded in every state. Both services use this method.
    """

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set the parameters whose values differ."""
        changes = [each for each in parameter_list if not self._has_value(each)]
        if parameter_list and not changes:
            return SetParametersResult(successful=True)
        return super().set_parameters_atomically(changes)  # type: ignore[misc]

    def _has_value(self, given: Parameter) -> bool:
        node: Any = self
        if not node.has_parameter(given.name):
            return False
        present = node.get_parameter(given.name)
        return present.type_ == given.type_ and bool(present.value == given.value)


class LiveParameters(Generic[S]):
    """Keeps ``settings`` equal to a node's declared parameters.

    ``build`` makes the settings from the parameters in ``names`` and raises ConfigError for an
    illegal value. ``refusal`` returns why these parameters cannot change now, or "". ``on_change``
    gets the new settings. Raises ConfigError for an illegal or unknown initial value.
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
        node.add_on_set_parameters_callback(guard.wrap(self._validate, _internal_error))
        call_after_parameter_change(node, guard.wrap(self._apply))

    def _values(self) -> dict[str, Any]:
        return {name: self._node.get_parameter(name).value for name in self._names}

    def _refuse_unknown(self) -> None:
        # rclpy has no public list of the values from command line and parameter files.
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

    def _validate(self, changes: Iterable[Parameter]) -> SetParametersResult:
        """Return whether a change is allowed; changes nothing."""
        new = {change.name: change.value for change in changes}
        refusal = self._refusal(set(new))
        if refusal:
            return _build_refusal(refusal)
        try:
            self._build({**self._values(), **new})
        except ConfigError as error:
            return _build_refusal(str(error))
        return SetParametersResult(successful=True)

    def _apply(self, changes: Iterable[Parameter]) -> None:
        settings = self._build(self._values())
        if settings != self.settings:
            self.settings = settings
            self._on_change(settings)


def declare(node: Node, defaults: Any, constraints: Mapping[str, str] | None = None) -> None:
    """Declare a parameter for each field of a configuration, with its values as defaults.

    ``constraints`` maps field names to when the parameter can be changed; READ_ONLY for never.
    """
    reasons = constraints or {}
    for item in fields(defaults):
        descriptor = _descriptor(item, reasons.get(item.name, ""))
        node.declare_parameter(item.name, getattr(defaults, item.name), descriptor)


def build_config(config: type[Any], values: Mapping[str, Any]) -> Any:
    """Return a configuration of this class from these values; other values are ignored."""
    chosen = {item.name: values[item.name] for item in fields(config) if item.name in values}
    for item in fields(config):
        value = chosen.get(item.name)
        if isinstance(item.default, float) and type(value) is int:
            chosen[item.name] = float(value)
    return config(**chosen)


def _descriptor(item: Field[Any], constraint: str) -> ParameterDescriptor:
    """Return the descriptor of a parameter: description, range and constraints."""
    about = item.metadata
    descriptor = ParameterDescriptor(
        description=about.get("description", ""), read_only=constraint == READ_ONLY
    )
    if about.get("choices"):
        descriptor.additional_constraints = f"one of: {', '.join(about['choices'])}"
    elif constraint != READ_ONLY:
        descriptor.additional_constraints = constraint
    if isinstance(item.default, float):
        # Accept `size_rate: 1` in a file for 1.0; range and type are still checked.
        descriptor.dynamic_typing = True
        limits = FloatingPointRange(from_value=float(about["low"]), to_value=float(about["high"]))
        descriptor.floating_point_range = [limits]
    elif "low" in about:
        limits = IntegerRange(from_value=int(about["low"]), to_value=int(about["high"]))
        descriptor.integer_range = [limits]
    return descriptor


def _build_refusal(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)


def _internal_error(error: Exception, *_: Any) -> SetParametersResult:
    return _build_refusal(f"internal error, nothing was changed: {describe_error(error)}")
