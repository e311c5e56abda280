"""The set-up of a fresh machine: what it decides, and what it says when something is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "setup_env.py"


def load_script() -> ModuleType:
    """Return the set-up script as a module."""
    spec = importlib.util.spec_from_file_location("setup_env", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def setup_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the set-up script as a module that believes .venv to be an empty folder."""
    for name in ("ROS", "TORCH"):
        monkeypatch.delenv(name, raising=False)
    module = load_script()
    module.VENV = tmp_path
    return module


def put_program(folder: Path, name: str, exit_code: int) -> str:
    """Write a program that only exits, and return the folder as a PATH."""
    (folder / name).write_text(f"#!/bin/sh\nexit {exit_code}\n")
    (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("asked", "installed", "gpu_exit", "expected"),
    [
        pytest.param("", "", 1, "cpu", id="no GPU"),
        pytest.param("", "", 0, "cuda", id="a GPU"),
        pytest.param("cpu", "", 0, "cpu", id="asked for the CPU build beside a GPU"),
        pytest.param("cuda", "cpu 0123", 1, "cuda", id="asked for CUDA after the CPU build"),
        pytest.param("", "cpu 0123", 0, "cpu", id="what is installed stays"),
    ],
)
def test_torch_fits_the_machine_unless_asked(
    setup_env: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    installed: str,
    gpu_exit: int,
    expected: str,
) -> None:
    monkeypatch.setenv("PATH", put_program(tmp_path, "nvidia-smi", gpu_exit))
    if asked:
        monkeypatch.setenv("TORCH", asked)
    if installed:
        (tmp_path / ".setup-packages").write_text(installed)
    assert setup_env.chosen_torch() == expected


def test_an_unknown_torch_is_refused(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH", "rocm")
    with pytest.raises(setup_env.SetupError, match="TORCH=rocm is unknown: use TORCH=cpu or"):
        setup_env.chosen_torch()


@pytest.mark.parametrize(
    ("flavour", "offered", "index_answers", "expected"),
    [
        pytest.param("cpu", "+cpu", True, ["+cpu"], id="offered by the index in use"),
        pytest.param("cpu", "--extra-index-url", True, ["+cpu", "index"], id="PyTorch's index"),
        pytest.param("cpu", "", False, ["+cpu", "plain"], id="neither"),
        pytest.param("cuda", "", True, ["==="], id="CUDA"),
    ],
)
def test_torch_is_taken_from_the_nearest_place(
    setup_env: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    flavour: str,
    offered: str,
    index_answers: bool,
    expected: list[str],
) -> None:
    tried = []

    def pip_install(pin: str, *options: str) -> None:
        kinds = {"index": bool(options), "===": "===" in pin, "+cpu": pin.endswith("+cpu")}
        tried.append(next((kind for kind, holds in kinds.items() if holds), "plain"))
        if pin.endswith("+cpu") and offered not in [pin[-4:], *options]:
            raise setup_env.SetupError("no matching distribution")

    monkeypatch.setattr(setup_env, "pip_install", pip_install)
    monkeypatch.setattr(setup_env, "answers", lambda address: index_answers)
    setup_env.install_torch(flavour)
    assert tried == expected


def test_a_page_that_nobody_serves_does_not_answer(setup_env: ModuleType) -> None:
    with socket.socket() as unserved:
        unserved.bind(("127.0.0.1", 0))
        assert not setup_env.answers(f"http://127.0.0.1:{unserved.getsockname()[1]}/")


@pytest.mark.parametrize("name", ["two words", "Größe", "a(b", "x;y", "quote'"])
def test_a_folder_that_breaks_the_build_tools_is_refused_at_once(
    setup_env: ModuleType, name: str
) -> None:
    with pytest.raises(setup_env.SetupError, match="move the checkout"):
        setup_env.check_folder(Path("/home/someone") / name / "siammask_ros")


def test_an_ordinary_folder_is_taken(setup_env: ModuleType) -> None:
    setup_env.check_folder(Path("/home/some.one_1/ros2+ws/a-b@c~/siammask_ros"))


def test_a_refused_folder_is_said_in_one_line_before_anything_is_made(tmp_path: Path) -> None:
    tools = tmp_path / "two words" / "tools"
    tools.mkdir(parents=True)
    (tools / "setup_env.py").write_text(SCRIPT.read_text())
    done = subprocess.run(
        [sys.executable, "tools/setup_env.py"], cwd=tools.parent, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "holds ' '" in done.stdout
    assert [path.name for path in tools.parent.iterdir()] == ["tools"]


def test_make_clean_leaves_the_results(tmp_path: Path) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    (tmp_path / "Makefile").write_text((SCRIPT.parent.parent / "Makefile").read_text())
    for name in (".venv/bin", ".venv-kilted/bin", "build", "out", "runs", "src/__pycache__"):
        (tmp_path / name / "inner").mkdir(parents=True)
    subprocess.run([make, "-s", "clean"], cwd=tmp_path, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "out", "runs", "src"}
    assert list((tmp_path / "src").iterdir()) == []


def test_a_missing_compiler_is_named_with_its_package(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup_env.SetupError, match=r"a C\+\+ compiler.*sudo apt install g\+\+"):
        setup_env.check_machine()


@pytest.mark.parametrize(
    ("ros", "venv"), [("", ".venv"), ("jazzy", ".venv"), ("kilted", ".venv-kilted")]
)
def test_every_distribution_has_its_own_environment_and_list(
    monkeypatch: pytest.MonkeyPatch, ros: str, venv: str
) -> None:
    monkeypatch.setenv("ROS", ros)
    module = load_script()
    module.check_distribution()
    assert SCRIPT.parent.parent / venv == module.VENV
    pins = module.requirement_list(f"ros_{ros or 'jazzy'}").read_text().splitlines()
    prefixes = {line.split("-")[1] for line in pins if line.startswith("ros-")}
    assert prefixes == {ros or "jazzy"}


def test_a_distribution_without_wheels_is_refused_with_the_ones_that_have_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROS", "lyrical")
    module = load_script()
    with pytest.raises(
        module.SetupError, match=r"ROS=lyrical.*ROS=jazzy or ROS=kilted, or install ROS 2 Lyrical"
    ):
        module.check_distribution()


def test_the_list_of_another_distribution_changes_nothing_here(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps: list[str] = []
    monkeypatch.setattr(setup_env, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(setup_env, "message_sources", list)
    monkeypatch.setattr(setup_env, "ensure", lambda step, stamp, action: stamps.append(stamp))
    for name in ("ros_kilted", "ros_jazzy"):
        (tmp_path / f"{name}.txt").write_text("")
    setup_env.set_up()
    (tmp_path / "ros_kilted.txt").write_text("ros-kilted-rclpy\n")
    setup_env.set_up()
    (tmp_path / "ros_jazzy.txt").write_text("ros-jazzy-rclpy\n")
    setup_env.set_up()
    packages = stamps[::2]
    assert packages[0] == packages[1] != packages[2]


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_a_wrong_python_is_named_with_the_way_out(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(setup_env.sys, "version_info", version)
    with pytest.raises(setup_env.SetupError, match=r"Python 3\.10 to 3\.13 is needed.*PYTHON="):
        setup_env.check_machine()


def test_a_machine_without_wheels_is_sent_to_colcon(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_env.platform, "machine", lambda: "aarch64")
    with pytest.raises(setup_env.SetupError, match=r"Linux aarch64: install ROS 2.*colcon"):
        setup_env.check_machine()


def test_a_sourced_ros_is_kept_out(
    setup_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in setup_env.ROS_VARIABLES:
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    env = setup_env.environment()
    assert "elsewhere" not in env.values()
    assert env["AMENT_PREFIX_PATH"] == str(tmp_path)
    assert env["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")
    assert env["ROS_DOMAIN_ID"] == "7"


def test_a_step_is_done_once_for_the_same_inputs(setup_env: ModuleType) -> None:
    done = []
    for stamp in ("a", "a", "b", "b"):
        setup_env.ensure("messages", stamp, lambda stamp=stamp: done.append(stamp))
    assert done == ["a", "b"]


def test_a_step_that_failed_is_done_again(setup_env: ModuleType) -> None:
    def fail() -> None:
        raise setup_env.SetupError("no space left")

    with pytest.raises(setup_env.SetupError):
        setup_env.ensure("messages", "a", fail)
    done = []
    setup_env.ensure("messages", "a", lambda: done.append("a"))
    assert done == ["a"]


def test_a_changed_file_changes_the_digest(setup_env: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "Track.msg"
    digests = set()
    for text in ("uint8 a\n", "uint8 b\n"):
        file.write_text(text)
        digests |= {setup_env.digest([file]), setup_env.digest([file])}
    assert len(digests) == 2
    assert setup_env.digest([file], "cpu") != setup_env.digest([file], "cuda")


def test_a_command_that_fails_shows_what_it_said(setup_env: ModuleType, tmp_path: Path) -> None:
    setup_env.LOG = tmp_path / "setup.log"
    with pytest.raises(setup_env.SetupError, match=r"(?s)sh failed.*the disk is full"):
        setup_env.run("/bin/sh", "-c", "echo the disk is full; exit 3")
    assert "the disk is full" in setup_env.LOG.read_text()
