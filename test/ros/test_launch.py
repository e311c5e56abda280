"""The launch files, where ROS 2's launch is installed, and the parameter files everywhere."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from fake_engine import FakeEngine
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from node_bench import NODE, Client
from rclpy.context import Context
from session_bench import wait_until

from siammask_ros.engines.registry import EngineConfig
from siammask_ros.ros.node_config import NodeConfig
from siammask_ros.ros.tracker_node import TrackerNode
from siammask_ros.session import SessionConfig
from siammask_ros.tracker.config import settings_named

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
SETS = ("lite", "davis", "vot", "vot_ld")


def has_ros_launch() -> bool:
    """Whether ROS 2's launch is there; PyPI's package of this name is another one."""
    names = ("launch.launch_description", "launch_ros", "ros2launch")
    try:
        found = all(importlib.util.find_spec(name) is not None for name in names)
        return found and shutil.which("ros2") is not None
    except ImportError:
        return False


needs_launch = pytest.mark.skipif(
    not has_ros_launch(), reason="ROS 2's launch is not installed: PyPI does not have it"
)


@pytest.fixture
def context() -> Any:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


@pytest.mark.parametrize("name", SETS)
def test_a_parameter_file_is_complete_and_takes_the_tracker_settings_of_its_name(
    name: str, context: Context
) -> None:
    path = ROOT / "config" / f"{name}.yaml"
    node = TrackerNode(
        lambda config: FakeEngine(),
        context=context,
        cli_args=["--ros-args", "--params-file", str(path)],
    )
    try:
        settings = node._own_parameters.settings
        assert settings.tracker == settings_named(name)
        assert settings.session == SessionConfig()
        assert settings.engine.model == ("lite" if name == "lite" else "resnet50")
        given = yaml.safe_load(path.read_text())["/**"]["ros__parameters"]
        every = {
            field
            for config in (NodeConfig, EngineConfig, SessionConfig)
            for field in config.__dataclass_fields__
        }
        assert every - given.keys() == {"autostart", "restarted", "expected_sha256"}
    finally:
        node.destroy_node()


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_a_launch_file_starts_only_executables_that_are_installed(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    compile(source, str(path), "exec")
    started = re.findall(r'executable"?[=:]\s*"(\w+)"', source)
    assert started
    built = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for executable in started:
        assert f"install_script({executable} " in built


def test_h1_the_launch_file_tells_a_successor_that_it_is_one() -> None:
    """What test/supervised_node.py stands in for where launch cannot be installed."""
    tree = ast.parse((ROOT / "launch" / "tracker.launch.py").read_text(encoding="utf-8"))
    (successor,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "successor"
    )
    assert isinstance(successor, ast.Call)
    given = {each.arg: ast.unparse(each.value) for each in successor.keywords}
    assert given[None] == "node_of(context, autostart=autostart, restarted=True)"
    assert given["respawn"] == "True"


@needs_launch
@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_a_launch_file_lists_its_arguments(path: Path) -> None:
    done = subprocess.run(
        ["ros2", "launch", path, "--show-args"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    names = "image params_file model checkpoint device autostart respawn follower cmd_vel dashboard"
    for name in names.split():
        assert f"'{name}'" in done.stdout


@needs_launch
@pytest.mark.parametrize("autostart", [True, False])
def test_the_launched_tracker_gets_into_the_state_that_was_asked_for(
    autostart: bool, context: Context, tmp_path: Path
) -> None:
    client = Client(context)
    with (tmp_path / "log").open("wb") as log:
        launched = subprocess.Popen(
            ["ros2", "launch", ROOT / "launch/tracker.launch.py", f"autostart:={autostart}"],
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    wanted = State.PRIMARY_STATE_ACTIVE if autostart else State.PRIMARY_STATE_UNCONFIGURED
    try:

        def is_there() -> bool:
            state = client.call(GetState, f"{NODE}/get_state", GetState.Request(), 90)
            return bool(state.current_state.id == wanted)

        wait_until(is_there, f"state {wanted}", 120)
        os.killpg(launched.pid, signal.SIGINT)
        assert launched.wait(20) == 0
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        # Its nodes, too: they would outlive a launch that was killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launched.pid, signal.SIGKILL)
        client.close()
