"""Builds the diagnostics of the node: three statuses, named `node: part` as REP 107 requires.

The name includes the namespace, so that trackers of several cameras differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from siammask_ros.session import ERRORS_IN_A_ROW, Health, HealthStatus, Level

RESTARTED = "restarted: the targets of the previous process are no longer tracked"

# What the node waits for in each idle state.
_WAITS_FOR = {
    "unconfigured": "waiting for the transition configure",
    "inactive": "waiting for the transition activate",
}


@dataclass(frozen=True, slots=True)
class ImageTopic:
    """The state of the image topic.

    ``qos_mismatch`` says why a publisher cannot be received, ``remarks`` what is wrong with the
    images; ``lost`` counts the images that the middleware lost.
    """

    name: str = ""
    qos_mismatch: str = ""
    remarks: tuple[str, ...] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """The health of the node besides that of its session: lifecycle state, failures, topics.

    ``underway`` is the name of the transition in progress, or empty.
    """

    name: str
    state: str
    underway: str
    failure: str
    restarted: bool
    image_topic: ImageTopic
    engine: Mapping[str, str]
    caught: Mapping[str, int]
    recently_caught: str
    unpublished: int
    failed_to_publish_in_row: int
    space: Mapping[str, str]
    space_refusal: str
    auto_follow: str


def build_diagnostics(stamp: Any, node: NodeHealth, health: Health | None) -> DiagnosticArray:
    """Return the message; ``health`` is None while there is no session."""
    message = DiagnosticArray()
    message.header.stamp = stamp
    message.status = [
        _status(node, "image stream", _image_stream(node, health), _stream_values(node, health)),
        _status(node, "inference", _inference(node, health), _inference_values(node, health)),
        _status(node, "targets", _targets(node, health), _target_values(node, health)),
    ]
    return message


def describe_state(state: str) -> str:
    """Return the name of a lifecycle state and what the node waits for in it."""
    return f"{state}: {_WAITS_FOR[state]}" if state in _WAITS_FOR else state


def _idle(node: NodeHealth) -> HealthStatus:
    if node.underway:
        return HealthStatus(Level.WARN, f"node is {node.state}: {node.underway} is in progress")
    if node.failure:
        return HealthStatus(Level.ERROR, f"node is {node.state}: {node.failure}")
    return HealthStatus(Level.WARN, f"node is {describe_state(node.state)}")


def _image_stream(node: NodeHealth, health: Health | None) -> HealthStatus:
    if health is None:
        return _idle(node)
    status = health.image_stream()
    topic = node.image_topic
    sentence = f"{status.message} on {topic.name}"
    if status.level != Level.OK and topic.qos_mismatch:
        return HealthStatus(Level.ERROR, f"{sentence}: {topic.qos_mismatch}")
    if topic.remarks:
        level = max(status.level, Level.WARN)
        return HealthStatus(level, f"{sentence}: {'; '.join(topic.remarks)}")
    return HealthStatus(status.level, sentence)


def _inference(node: NodeHealth, health: Health | None) -> HealthStatus:
    status = _idle(node) if health is None else health.inference()
    if health is not None and node.failed_to_publish_in_row >= ERRORS_IN_A_ROW:
        count, caught = node.failed_to_publish_in_row, node.recently_caught
        return HealthStatus(Level.ERROR, f"{count} answers in a row were not published: {caught}")
    if node.recently_caught and status.level == Level.OK:
        return HealthStatus(Level.WARN, f"{status.message}; caught in {node.recently_caught}")
    return status


def _targets(node: NodeHealth, health: Health | None) -> HealthStatus:
    status = _idle(node) if health is None else health.targets()
    remarks = [RESTARTED] if node.restarted else []
    remarks += [node.space_refusal] if node.space_refusal else []
    if not remarks:
        return status
    return HealthStatus(max(status.level, Level.WARN), "; ".join([status.message, *remarks]))


def _stream_values(node: NodeHealth, health: Health | None) -> dict[str, Any]:
    values: dict[str, Any] = {"topic": node.image_topic.name, "state": node.state}
    if health is None:
        return values
    values |= {
        "rate (Hz)": f"{health.rate_hz:.2f}",
        "since last image (s)": _seconds(health.since_frame_s),
        "received": health.counters.received,
        "lost on their way": node.image_topic.lost,
        "paused": health.paused,
        "passed over while paused": health.counters.paused,
    }
    values |= {f"dropped: {why}": count for why, count in health.counters.dropped.items()}
    values |= {f"refused: {kind}": count for kind, count in health.refused.items()}
    return values | {"last refusal": health.last_refusal}


def _inference_values(node: NodeHealth, health: Health | None) -> dict[str, Any]:
    values: dict[str, Any] = {**node.engine}
    if health is not None:
        values |= {
            "processed": health.counters.processed,
            "failed": health.failed,
            "failed in a row": health.errors_in_row,
            "last error": health.last_error,
            "steps repeated in two halves": health.memory_retries,
            "config serial": health.config_serial,
            "running inference (s)": _seconds(health.inference_s),
            "results replaced before they were published": node.unpublished,
        }
        values |= {f"answer {name} (ms)": f"{ms:.2f}" for name, ms in health.answer_ms.items()}
    return values | {f"caught in {name}": count for name, count in node.caught.items()}


def _target_values(node: NodeHealth, health: Health | None) -> dict[str, Any]:
    if health is None:
        return {}
    values: dict[str, Any] = {
        f"target {target_id}": status.name for target_id, status in health.statuses.items()
    }
    return {
        "most targets": health.config.max_targets,
        "last refused box": health.last_box_refusal,
        "refused candidates": health.refused_candidates,
        "last refused candidate": health.last_candidate_refusal,
        "auto follow": node.auto_follow,
        **node.space,
        **values,
    }


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _status(
    node: NodeHealth, part: str, status: HealthStatus, values: Mapping[str, Any]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=bytes([status.level]),
        name=f"{node.name}: {part}",
        message=status.message,
        hardware_id=node.engine.get("device", ""),
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
