"""Row L1: the SROS 2 policy allows what the nodes really do, and nothing else."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from support.node_bench import NodeBench
from support.session_bench import wait_until

from siammask_ros.ros.nodes.dashboard import DashboardNode
from siammask_ros.ros.nodes.follower import FollowerNode

ROOT = Path(__file__).resolve().parent.parent.parent
POLICY = ElementTree.parse(ROOT / "config" / "sros2" / "siammask.policy.xml").getroot()
# The ROS 2 wheels have no tf2_msgs, without which no frame can be broadcast.
HAS_TF = importlib.util.find_spec("tf2_msgs") is not None
KINDS = ("publish", "subscribe", "reply", "request")
Graph = dict[str, set[str]]


def allowed(enclave: str) -> Graph:
    """The full names that a policy's enclave allows, by what may be done with them."""
    names: Graph = {kind: set() for kind in KINDS}
    for profile in POLICY.iterfind(f"enclaves/enclave[@path='{enclave}']/profiles/profile"):
        namespace = profile.attrib["ns"].rstrip("/")
        for rule in profile:
            for kind, qualifier in rule.attrib.items():
                assert qualifier == "ALLOW"
                names[kind] |= {
                    full_name(item.text or "", namespace, profile.attrib["node"]) for item in rule
                }
    return names


def full_name(name: str, namespace: str, node: str) -> str:
    if name.startswith("/"):
        return name
    return f"{namespace}/{node}{name[1:]}" if name.startswith("~") else f"{namespace}/{name}"


def opened(node: Node) -> Graph:
    """What a node has in the graph."""
    where = (node.get_name(), node.get_namespace())
    listed = {
        "publish": node.get_publisher_names_and_types_by_node(*where),
        "subscribe": node.get_subscriber_names_and_types_by_node(*where),
        "reply": node.get_service_names_and_types_by_node(*where),
        "request": node.get_client_names_and_types_by_node(*where),
    }
    return {kind: {name for name, _ in entries} for kind, entries in listed.items()}


def both(one: Graph, other: Graph) -> Graph:
    return {kind: one[kind] | other[kind] for kind in KINDS}


def test_l1_the_tracker_may_do_what_it_does_and_nothing_else() -> None:
    with NodeBench() as bench:
        raw = opened(bench.node)
    options = {"image_transport": "compressed", "use_sim_time": True, "publish_tf": HAS_TF}
    with NodeBench(**options) as bench:
        compressed = opened(bench.node)
    wanted = allowed("/siammask/tracker")
    if not HAS_TF:
        wanted["publish"] -= {"/tf"}
    assert both(raw, compressed) == wanted


@pytest.fixture
def follower() -> Iterator[FollowerNode]:
    with NodeBench(active=False) as bench:
        use_sim_time = Parameter("use_sim_time", value=True)
        node = FollowerNode(context=bench.context, parameter_overrides=[use_sim_time])
        yield node
        node.destroy_node()


def test_l1_the_follower_may_do_what_it_does_and_nothing_else(follower: FollowerNode) -> None:
    wanted = allowed("/siammask/follower")
    wait_until(lambda: opened(follower) == wanted, f"the follower to have {wanted}")


def test_l1_the_dashboard_may_do_what_it_does_and_nothing_else() -> None:
    everything: Graph = {kind: set() for kind in KINDS}
    with NodeBench(active=False) as bench:
        for transport in ("raw", "compressed"):
            given = {"port": 0, "image_transport": transport, "use_sim_time": True}
            node = DashboardNode(
                context=bench.context,
                parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
            )
            try:
                node._feed.watch(True)
                node._feed._update_subscriptions()
                everything = both(everything, opened(node))
            finally:
                node.destroy_node()
    assert everything == allowed("/siammask/dashboard")


def test_l1_an_operator_may_command_the_tracker_and_read_its_answers() -> None:
    operator, tracker = allowed("/siammask/operator"), allowed("/siammask/tracker")
    common = {"/parameter_events", "/rosout"}
    cameras = {"/image", "/image/compressed", "/camera_info", "/depth", "/clock"}
    assert operator["publish"] - common == tracker["subscribe"] - cameras
    assert operator["subscribe"] == tracker["publish"]
    assert operator["request"] == tracker["reply"] | {"/siammask_follower/enable"}
    assert not operator["reply"]


def test_l1_nobody_but_the_follower_may_drive() -> None:
    enclaves = [each.attrib["path"] for each in POLICY.iter("enclave")]
    drivers = [path for path in enclaves if "/cmd_vel" in allowed(path)["publish"]]
    assert drivers == ["/siammask/follower"]


def test_l1_a_node_that_should_be_secure_and_has_no_keys_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "siammask_ros.ros.nodes.follower"],
        cwd=ROOT,
        env={
            **os.environ,
            "ROS_SECURITY_ENABLE": "true",
            "ROS_SECURITY_STRATEGY": "Enforce",
            "ROS_SECURITY_KEYSTORE": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "SECURITY ERROR" in done.stderr
