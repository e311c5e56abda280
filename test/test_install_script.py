"""tools/install_with_ros.sh: its commands, its errors, and who calls it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "tools/install_with_ros.sh"
BASH = shutil.which("bash")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with the script in its checkout."""
    (tmp_path / "src" / "siammask_ros" / "tools").mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, tmp_path / "src" / "siammask_ros" / SCRIPT)
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder for PATH with what the script uses of every system."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("dirname", "basename"):
        add_program(folder, name, f'exec {shutil.which(name)} "$@"')
    return folder


def add_program(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!{BASH}\n{line}\n")
    (folder / name).chmod(0o755)


def run_script(
    workspace: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    assert BASH is not None
    script = workspace / "src" / "siammask_ros" / SCRIPT
    return subprocess.run(
        [BASH, str(script), *arguments],
        env=env or {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def documented_commands(workspace: Path) -> list[str]:
    """Return the commands of docs/installation.md, for this workspace."""
    page = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(cd ~/ros2_ws\n.*?)```", page, re.DOTALL)
    place = str(workspace)
    return block.replace("~/ros2_ws", place).replace("$PWD", place).splitlines()


def test_a_dry_run_prints_the_documented_commands_and_changes_nothing(workspace: Path) -> None:
    before = sorted(workspace.rglob("*"))
    done = run_script(workspace, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == documented_commands(workspace)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "cd",
        "rosdep",
        "python3",
        "touch",
        "venv/bin/pip",
        "colcon",
    ]
    assert f"-DPython3_EXECUTABLE={workspace}/venv/bin/python3" in done.stdout
    assert sorted(workspace.rglob("*")) == before


def test_without_rosdep_the_other_commands_stay(workspace: Path) -> None:
    done = run_script(workspace, "--dry-run", "--skip-rosdep")
    commands = documented_commands(workspace)
    assert done.stdout.splitlines() == [c for c in commands if not c.startswith("rosdep")]


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line


def test_a_ros_that_is_not_sourced_is_named(workspace: Path) -> None:
    # The official images set ROS_DISTRO without sourcing anything.
    env = {"PATH": os.environ["PATH"], "ROS_DISTRO": "jazzy"}
    assert_one_line(run_script(workspace, env=env), "not sourced", "/opt/ros/jazzy/setup.bash")


@pytest.mark.parametrize(
    ("present", "arguments", "missing"),
    [
        ([], [], "python3 python3-rosdep python3-colcon-common-extensions"),
        (["python3", "colcon"], [], "python3-rosdep"),
        (["python3", "rosdep"], [], "python3-colcon-common-extensions"),
        (["python3"], ["--skip-rosdep"], "python3-colcon-common-extensions"),
    ],
    ids=["all", "rosdep", "colcon", "colcon_without_rosdep"],
)
def test_missing_tools_are_named_with_what_installs_them(
    workspace: Path, programs: Path, present: list[str], arguments: list[str], missing: str
) -> None:
    for name in present:
        add_program(programs, name, "exit 0")
    done = run_script(
        workspace, *arguments, env={"PATH": str(programs), "AMENT_PREFIX_PATH": "/opt/ros/jazzy"}
    )
    assert_one_line(done, f"missing: {missing}. Install with: sudo apt install {missing}")


def test_a_python_without_the_venv_module_is_named(workspace: Path, programs: Path) -> None:
    for name, line in (("rosdep", "exit 0"), ("colcon", "exit 0"), ("python3", "exit 1")):
        add_program(programs, name, line)
    done = run_script(workspace, env={"PATH": str(programs), "AMENT_PREFIX_PATH": "/opt/ros/jazzy"})
    assert_one_line(done, "sudo apt install python3-venv")


def test_a_python_that_cannot_import_rclpy_is_named(workspace: Path, programs: Path) -> None:
    for name in ("rosdep", "colcon"):
        add_program(programs, name, "exit 0")
    add_program(programs, "python3", f'exec {sys.executable} -I -S "$@"')  # no site-packages
    done = run_script(workspace, env={"PATH": str(programs), "AMENT_PREFIX_PATH": "/opt/ros/jazzy"})
    assert_one_line(done, f"{programs}/python3 cannot import rclpy", "virtual environment")


def test_a_checkout_outside_of_a_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "siammask_ros" / "tools").mkdir(parents=True)
    script = shutil.copy(ROOT / SCRIPT, tmp_path / "siammask_ros" / "tools")
    done = subprocess.run([str(script), "--dry-run"], capture_output=True, text=True, check=False)
    assert_one_line(done, str(tmp_path / "siammask_ros"), "src/ of a workspace")


def test_an_unknown_argument_is_refused(workspace: Path) -> None:
    assert_one_line(run_script(workspace, "--dryrun"), "--dryrun", "--dry-run", "--skip-rosdep")


def test_a_command_that_fails_ends_the_script(workspace: Path, programs: Path) -> None:
    for name in ("python3", "colcon"):
        add_program(programs, name, "exit 0")
    add_program(programs, "rosdep", "exit 3")
    done = run_script(workspace, env={"PATH": str(programs), "AMENT_PREFIX_PATH": "/opt/ros/jazzy"})
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].startswith("rosdep install")


def test_readme_names_the_script_and_the_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"src/siammask_ros/{SCRIPT}\n. install/setup.bash\nros2 launch " in readme
    assert "(docs/installation.md)" in readme


def test_the_dockerfile_calls_the_script_for_the_distribution_of_its_argument() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    argument, base = re.findall(r"^(?:ARG ROS|FROM).*$", dockerfile, re.MULTILINE)
    assert argument == "ARG ROS_DISTRO=jazzy"
    assert base == "FROM ros:${ROS_DISTRO}-ros-base"
    assert "COPY . src/siammask_ros\n" in dockerfile
    assert f"src/siammask_ros/{SCRIPT} " in dockerfile
    # What the script does is in the script alone.
    assert not re.search(r"pip install|rosdep install|colcon", dockerfile)
