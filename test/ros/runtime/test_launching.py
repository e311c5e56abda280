"""What the launch files ask of Python: arguments that are checked, and the end of a launch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from siammask_ros.errors import ConfigError
from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION, EXIT_ENGINE_LOST
from siammask_ros.ros.runtime.launching import (
    ConfigurationExit,
    file_argument,
    flag_argument,
    number_argument,
)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1", "yes", "On", " on "])
def test_an_argument_that_says_true(value: str) -> None:
    assert flag_argument("autostart", value) is True


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "OFF"])
def test_an_argument_that_says_false(value: str) -> None:
    assert flag_argument("autostart", value) is False


@pytest.mark.parametrize("value", ["", "maybe", "2", "-1", "t", "truee"])
def test_an_argument_that_says_neither_is_refused_by_name(value: str) -> None:
    with pytest.raises(ConfigError, match=f"argument autostart is '{value}'; expected true, 1,"):
        flag_argument("autostart", value)


def test_a_number_is_read_and_anything_else_refused_by_name() -> None:
    assert number_argument("dashboard_history_s", "2.5") == 2.5
    for value in ("", "ten", "nan", "inf", "1,5"):
        with pytest.raises(
            ConfigError, match=f"dashboard_history_s is '{value}'; expected a number"
        ):
            number_argument("dashboard_history_s", value)


def test_a_file_that_is_not_there_is_refused_by_name_and_full_path(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    with pytest.raises(ConfigError, match=f"params_file: no file '{path}'"):
        file_argument("params_file", str(path))
    path.touch()
    assert file_argument("params_file", str(path)) == str(path)
    with pytest.raises(ConfigError, match="params_file: no file"):
        file_argument("params_file", str(tmp_path))


def output(text: bytes) -> SimpleNamespace:
    return SimpleNamespace(text=text)


def exited(code: int) -> SimpleNamespace:
    return SimpleNamespace(returncode=code)


def test_h9_an_exit_because_of_the_configuration_ends_the_launch() -> None:
    configuration = ConfigurationExit("siammask_tracker")
    for part in (b"[INFO] hello\nerr", b"or: model is 'x'; expected one of: lite\n", b"bye\n"):
        configuration.on_output(output(part))
    with pytest.raises(ConfigError) as refusal:
        configuration.on_exit(exited(EXIT_CONFIGURATION), None)
    assert str(refusal.value) == (
        "siammask_tracker cannot start: model is 'x'; expected one of: lite"
    )


@pytest.mark.parametrize("code", [0, 1, EXIT_ENGINE_LOST, -9, -11])
def test_any_other_exit_leaves_the_launch_alone(code: int) -> None:
    configuration = ConfigurationExit("siammask_tracker")
    configuration.on_output(output(b"error: something\n"))
    configuration.on_exit(exited(code), None)


def test_what_a_node_writes_is_not_kept() -> None:
    configuration = ConfigurationExit("siammask_tracker")
    for _ in range(1000):
        configuration.on_output(output(b"x" * 1000))
    configuration.on_output(output(b"\nerror: the end\n"))
    assert len(configuration._output) <= 4096
    with pytest.raises(ConfigError, match="the end"):
        configuration.on_exit(exited(EXIT_CONFIGURATION), None)
