"""The tables of docs/interface.md list the topics and services of the real nodes, and no others."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from support.node_bench import NODE, NodeBench

from siammask_ros import msg
from siammask_ros.ros.nodes.dashboard import DashboardNode
from siammask_ros.ros.nodes.follower import FollowerNode
from siammask_ros.ros.nodes.tracker import NAME

PAGE = Path(__file__).resolve().parents[3] / "docs" / "interface.md"
READ, PUBLISHED, SERVICES = "Topics it reads", "Topics it publishes", "Services"
FOLLOWER, DASHBOARD = "The follower", "The dashboard"

# What every lifecycle node has.
STANDARD = re.compile(
    r"/(rosout|parameter_events|transition_event|change_state"
    r"|(get|set|list|describe)_(parameter\w*|state|available_\w+|transition_graph|type_description))"
    r"|/(get|set)_parameters_atomically"
)


def documented(title: str) -> dict[str, str]:
    """Names and types in the tables of a section of the page."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(rf"^## {title}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\S+)`(?: \(in\))? \| `(\w+/\w+)` \|", section, re.MULTILINE)
    assert rows, f"no table in {title}"
    return dict(rows)


def names_of(found: list[tuple[str, list[str]]], own: str) -> dict[str, str]:
    """Names and types as the page writes them, without those that every node has."""
    return {
        name.replace(f"{own}/", "~/"): kind.replace("/msg/", "/").replace("/srv/", "/")
        for name, (kind, *_) in found
        if not STANDARD.search(name)
    }


def endpoints(node: Any, own: str) -> tuple[dict[str, str], ...]:
    """What a node publishes, reads and serves."""
    about = (node.get_name(), node.get_namespace())
    found = (
        node.get_publisher_names_and_types_by_node(*about),
        node.get_subscriber_names_and_types_by_node(*about),
        node.get_service_names_and_types_by_node(*about),
    )
    return tuple(names_of(each, own) for each in found)


def test_the_page_lists_what_the_tracker_has() -> None:
    with NodeBench(publish_tf=True) as bench:
        published, read, services = endpoints(bench.node, NODE)
        assert bench.client.change_state("deactivate")
        assert bench.client.set_parameters(image_transport="compressed")[0].successful
        assert bench.client.change_state("activate")
        _, compressed, _ = endpoints(bench.node, NODE)
    assert published == documented(PUBLISHED)
    assert read | compressed == documented(READ)
    assert set(compressed) - set(read) == {"/image/compressed"}
    assert set(read) - set(compressed) == {"/image"}
    assert services == documented(SERVICES)


def test_everything_it_publishes_is_reliable() -> None:
    with NodeBench(publish_tf=True) as bench:
        for name in documented(PUBLISHED):
            (publisher,) = bench.node.get_publishers_info_by_topic(name.replace("~", NODE))
            assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE, name


def test_the_page_lists_what_the_follower_has() -> None:
    with NodeBench(active=False) as bench:
        follower = FollowerNode(context=bench.context)
        try:
            published, read, services = endpoints(follower, "/siammask_follower")
        finally:
            follower.destroy_node()
    assert published | read | services == documented(FOLLOWER)
    assert set(read) == {f"{NODE}/tracks"}
    assert set(services) == {"~/enable"}


def test_the_page_lists_what_the_dashboard_has() -> None:
    with NodeBench(active=False) as bench:
        dashboard = DashboardNode(
            context=bench.context, parameter_overrides=[Parameter("port", value=0)]
        )
        try:
            dashboard._feed.watch(True)
            dashboard._feed._update_subscriptions()
            published, read, services = endpoints(dashboard, "/siammask_dashboard")
        finally:
            dashboard.destroy_node()
    assert published | read == documented(DASHBOARD)
    assert services == {}


def test_foxglove_is_set_up_for_topics_and_fields_that_the_tracker_has() -> None:
    text = (PAGE.parents[1] / "config" / "tracker.foxglove.json").read_text(encoding="utf-8")
    layout = json.loads(text)
    published = documented(PUBLISHED)
    named = re.findall(r'"(/[^"]+)"', text)
    assert named
    for path in named:
        topic, _, field = path.replace(f"{NODE}/", "~/").partition(".")
        assert topic in published, path
        if field:
            kind = getattr(msg, published[topic].partition("/")[2])
            for part in field.split("."):
                part = part.removesuffix("[0]")
                assert part in kind.get_fields_and_field_types(), path
                kind = msg.Track
    assert set(re.findall(r'"(?:first|second)": "([^"]+)"', text)) == set(layout["configById"])


def test_the_example_for_the_lifecycle_manager_of_nav2_leads_the_node_without_a_heartbeat() -> None:
    (example,) = re.findall(r"^```python\n(.+?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    call = ast.parse(example, mode="eval").body
    assert isinstance(call, ast.Call)
    given = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    (parameters,) = given["parameters"]
    assert parameters["node_names"] == [NAME]
    timeout_s = parameters["bond_timeout"]
    # A ROS parameter that is declared as a double does not take an integer.
    assert isinstance(timeout_s, float)
    assert timeout_s == 0
