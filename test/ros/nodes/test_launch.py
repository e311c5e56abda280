"""The launch files, where ROS 2's launch is installed, and the parameter files everywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.context import Context
from support.fake_engine import FakeEngine
from support.launch_bench import START_S, TRACKER_LAUNCH, Launched, needs_launch
from support.node_bench import NODE, Client
from support.session_bench import wait_until

from siammask_ros.engines.registry import EngineConfig
from siammask_ros.ros.nodes.tracker import TrackerNode
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.session import SessionConfig
from siammask_ros.tracker.config import find_preset

ROOT = Path(__file__).resolve().parents[3]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
SETS = ("lite", "davis", "vot", "vot_ld")


@pytest.fixture
def context() -> Any:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


@pytest.mark.parametrize("name", SETS)
def test_a_parameter_file_takes_the_tracker_settings_of_its_name(
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
        assert settings.tracker == find_preset(name)
        assert settings.session == SessionConfig()
        assert settings.engine.model == ("lite" if name == "lite" else "resnet50")
        given = yaml.safe_load(path.read_text())["/**"]["ros__parameters"]
        every = {
            field
            for config in (NodeConfig, EngineConfig, SessionConfig)
            for field in config.__dataclass_fields__
        }
        missing = {"autostart", "restarted", "expected_sha256"}
        if name == "lite":
            assert every - given.keys() == missing, "the set to start from is complete"
        else:
            assert given.keys() == {"model", "checkpoint", "tracker_preset"}
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
    names = (
        "image detections auto_follow_class params_file model checkpoint device autostart respawn "
        "follower cmd_vel dashboard dashboard_history_s"
    )
    for name in names.split():
        assert f"'{name}'" in done.stdout


@needs_launch
@pytest.mark.parametrize(
    ("autostart", "wanted", "words"),
    [
        ("ON", State.PRIMARY_STATE_ACTIVE, "waiting for images on /image"),
        ("0", State.PRIMARY_STATE_UNCONFIGURED, "unconfigured: waiting for the transition config"),
    ],
)
def test_the_launched_tracker_gets_into_the_state_that_was_asked_for(
    autostart: str, wanted: int, words: str, context: Context, tmp_path: Path
) -> None:
    client = Client(context)
    domain_id = context.get_domain_id()
    arguments = (f"autostart:={autostart}", "use_sim_time:=off")
    try:
        with Launched(tmp_path / "log", domain_id, TRACKER_LAUNCH, *arguments) as launched:

            def is_there() -> bool:
                state = client.call(GetState, f"{NODE}/get_state", GetState.Request(), START_S)
                return bool(state.current_state.id == wanted)

            wait_until(is_there, f"state {wanted}", START_S)
            wait_until(lambda: words in launched.output, words)
            assert launched.interrupt() == 0, launched.output
            assert "Traceback" not in launched.output
            assert words in launched.output
    finally:
        client.close()


@needs_launch
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("model:=nonsense",), "siammask_tracker cannot start: model is 'nonsense'; expected one"),
        (
            ("model:=nonsense", "respawn:=false"),
            "siammask_tracker cannot start: model is",
        ),
        (("params_file:=mistyped.yaml",), "unknown parameters: modle; expected some of: "),
        (
            ("params_file:=malformed.yaml",),
            "Couldn't parse params file: '--params-file malf",
        ),
        (("params_file:=missing.yaml",), "launch argument params_file: no file '"),
        (
            ("follower:=yes", "follower_params_file:=missing.yaml"),
            "follower_params_file: no file",
        ),
        (("autostart:=maybe",), "autostart is 'maybe'; expected true, 1, yes, on or false, 0, no,"),
        (("follower:=2",), "follower is '2'; expected true"),
        (("use_sim_time:=never",), "use_sim_time is 'never'; expected true"),
        (
            ("dashboard:=1", "dashboard_history_s:=ten"),
            "dashboard_history_s is 'ten'; expected a number",
        ),
        (("dashboard_history_s:=ten",), "dashboard_history_s is 'ten'; expected a number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_h9_a_configuration_that_cannot_work_ends_launch_with_the_reason(
    arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    (tmp_path / "mistyped.yaml").write_text("/**:\n  ros__parameters:\n    modle: lite\n")
    (tmp_path / "malformed.yaml").write_text("/**:\n  ros__parameters:\n    model: [lite\n")
    done = subprocess.run(
        ["ros2", "launch", TRACKER_LAUNCH, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_S,
    )
    assert done.returncode == 1, done.stdout
    assert reason in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stdout
    assert done.stdout.count("process started with pid") <= 1
