#!/usr/bin/env python3
"""Sets up .venv with all that the demo and the tests need, ROS 2 included.

    python3 tools/setup_env.py                     set up what is missing
    python3 tools/setup_env.py --run COMMAND ...   the same, then become COMMAND inside .venv

Needs Linux x86-64, Python 3.10 to 3.13 and a C++ compiler; changes nothing outside .venv.
ROS=jazzy (default) or ROS=kilted chooses the distribution; Kilted is set up in .venv-kilted.
A second run finds everything there, checks it by importing it and needs no network.
TORCH=cpu or TORCH=cuda chooses the build of torch; otherwise CUDA is taken where nvidia-smi
finds a GPU. A ROS 2 that is already sourced is kept out of .venv and left as it is.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
REQUIREMENTS = TOOLS / "requirements"
# The distributions that are wheels, and where each of them is set up.
VENVS = {"jazzy": ROOT / ".venv", "kilted": ROOT / ".venv-kilted"}
DISTRIBUTION = os.environ.get("ROS") or "jazzy"
VENV = VENVS.get(DISTRIBUTION, VENVS["jazzy"])
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"

# Message packages that are no wheels; ours stand in for them (docs/decisions/0003).
OWN_MESSAGES = ("vision_msgs", "tf2_msgs")

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# What sourcing a ROS 2 sets. Its libraries and Python packages must not mix with the wheels',
# and the last one would keep the wheels from finding their own libraries.
ROS_VARIABLES = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "RMW_IMPLEMENTATION",
    "ROS_DISTRO",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)

# Runs in .venv; every import proves that a part of the set-up is whole. siammask_ros comes first:
# it switches OpenVINO's telemetry off.
VERIFY = """
import siammask_ros
import aiohttp, av, cv2, matplotlib, numpy, openvino, rclpy, rosbags, safetensors, torch, tqdm, yaml
import hypothesis, mypy, pytest
import siammask_ros.msg, siammask_ros.srv, tf2_msgs.msg, vision_msgs.msg
from rclpy.type_support import check_for_type_support
check_for_type_support(siammask_ros.msg.TrackArray)
"""


class SetupError(Exception):
    """The set-up cannot go on; the message is the one line to show."""


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {line}", flush=True)


def check_folder(folder: Path) -> None:
    """Raise SetupError where ROS 2's build tools and launch files would break on the path."""
    strange = re.findall(r"[^\w./+@~-]", str(folder), re.ASCII)
    if strange:
        raise SetupError(
            f"the path {folder} holds {strange[0]!r}, which ROS 2's build tools do not take: move "
            "the checkout to a folder whose path has only letters from a to z, digits and -_.+@~"
        )


def check_machine() -> None:
    """Raise SetupError with one line that names everything that is missing here."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise SetupError(
            f"the ROS 2 wheels are for Linux x86-64, this is {platform.system()} "
            f"{platform.machine()}: install ROS 2 itself and build with colcon (README.md)"
        )
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise SetupError(
            f"Python 3.10 to 3.13 is needed, {sys.executable} is {platform.python_version()}: "
            "install another one and name it, for example: PYTHON=python3.12 make test"
        )
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    missing = {
        "g++": shutil.which(os.environ.get("CXX", "g++")) is None and "a C++ compiler",
        "python3-venv": find_spec("ensurepip") is None and "Python's venv module",
        "python3-dev": not headers.exists() and "Python's C headers",
    }
    absent = {package: what for package, what in missing.items() if what}
    if absent:
        raise SetupError(
            f"missing: {', '.join(absent.values())}. "
            f"Install with: sudo apt install {' '.join(absent)}"
        )


def check_distribution() -> None:
    """Raise SetupError where ROS names a distribution that is not here as wheels."""
    if DISTRIBUTION not in VENVS:
        choices = " or ".join(f"ROS={name}" for name in VENVS)
        raise SetupError(
            f"ROS={DISTRIBUTION} is not available as wheels: use {choices}, or install ROS 2 "
            f"{DISTRIBUTION.capitalize()} itself and build with colcon (README.md)"
        )


def environment() -> dict[str, str]:
    """Return this process's environment with .venv first and without a sourced ROS 2."""
    env = {name: value for name, value in os.environ.items() if name not in ROS_VARIABLES}
    env.update(VIRTUAL_ENV=str(VENV), AMENT_PREFIX_PATH=str(VENV), CMAKE_PREFIX_PATH=str(VENV))
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), env.get("PATH", os.defpath)])
    return env


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command into the log; on a terminal its newest line stands in for a progress bar."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            log.write(line)
            lines.append(line.rstrip())
            show_progress(lines[-1])
        show_progress("")
    if process.wait() != 0:
        tail = "\n".join(lines[-15:])
        raise SetupError(f"{Path(command[0]).name} failed, all of it is in {LOG}:\n{tail}")


def show_progress(line: str) -> None:
    """Overwrite the last line of a terminal with this one."""
    if sys.stdout.isatty():
        print(f"\r\033[K{line.strip()[: shutil.get_terminal_size().columns - 1]}", end="")
        sys.stdout.flush()


def pip_install(*arguments: str | Path) -> None:
    """Install packages into .venv."""
    run(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *arguments)


def make_venv() -> None:
    """Create .venv unless its Python answers."""
    try:
        subprocess.run([PYTHON, "-c", ""], env=environment(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        say(f"making {VENV.name} with Python {platform.python_version()}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)


def chosen_torch() -> str:
    """Return "cpu" or "cuda": what TORCH says, else what is installed, else what fits here."""
    asked = os.environ.get("TORCH", "")
    if asked not in ("", "cpu", "cuda"):
        raise SetupError(f"TORCH={asked} is unknown: use TORCH=cpu or TORCH=cuda")
    return asked or read_stamp("packages").partition(" ")[0] or ("cuda" if has_gpu() else "cpu")


def has_gpu() -> bool:
    """Whether nvidia-smi lists a GPU."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def requirement_list(name: str) -> Path:
    """Return the file of a list of packages."""
    return REQUIREMENTS / f"{name}.txt"


def install_torch(flavour: str) -> None:
    """Install the pinned torch; for the CPU prefer its small build wherever one is offered."""
    (pin,) = (
        line
        for line in requirement_list("torch").read_text().splitlines()
        if line.startswith("torch==")
    )
    if flavour == "cuda":
        # "===" means this very build: a local 2.13.0+cpu would satisfy "==".
        pip_install(pin.replace("==", "==="))
        return
    try:
        pip_install(f"{pin}+cpu")
    except SetupError:
        if answers(f"{TORCH_CPU_INDEX}/torch/"):
            say(f"taking the CPU build of torch from {TORCH_CPU_INDEX}")
            pip_install(f"{pin}+cpu", "--extra-index-url", TORCH_CPU_INDEX)
        else:
            say("no CPU build of torch is in reach: taking the large one, it runs on a CPU too")
            pip_install(pin)


def answers(address: str) -> bool:
    """Return whether a page can be had within seconds, however the network is broken."""
    fetch = f"import urllib.request; urllib.request.urlopen({address!r}, timeout=5).read(1)"
    try:
        command = [sys.executable, "-c", fetch]
        return subprocess.run(command, capture_output=True, timeout=8).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def install_packages(flavour: str) -> None:
    """Install torch, ROS 2 and the Python packages."""
    say(f"installing torch ({flavour} build)")
    install_torch(flavour)
    say("installing ROS 2 and the Python packages")
    lists = [requirement_list(name) for name in (f"ros_{DISTRIBUTION}", "runtime", "develop")]
    pip_install(*(f"-r{path}" for path in lists))
    pip_install("--no-deps", "-r", requirement_list("data"))
    if not (has_cmake() and shutil.which("ninja")):
        say("installing cmake and ninja")
        pip_install("-r", requirement_list("build_tools"))


def has_cmake() -> bool:
    """Return whether the machine's cmake is new enough for CMakeLists.txt."""
    try:
        answer = subprocess.run(["cmake", "--version"], capture_output=True, text=True).stdout
        return tuple(map(int, answer.split()[2].split(".")[:2])) >= (3, 22)
    except (OSError, IndexError, ValueError):
        return False


def build_messages() -> None:
    """Build what is no wheel and siammask_ros into .venv, which so becomes their ament prefix."""
    for name, source, linked in (
        *((package, TOOLS / package, "OFF") for package in OWN_MESSAGES),
        ("siammask_ros", ROOT, "ON"),
    ):
        say(f"building the messages of {name}")
        build = VENV / "build" / name
        build.mkdir(parents=True, exist_ok=True)
        run(
            "cmake",
            *("-S", source, "-B", build, "-G", "Ninja"),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DBUILD_TESTING=OFF",
            f"-DCMAKE_INSTALL_PREFIX={VENV}",
            f"-DCMAKE_PROJECT_INCLUDE={TOOLS / 'ros_wheels.cmake'}",
            f"-DPython3_EXECUTABLE={PYTHON}",
            # Links instead of copies: what is installed of the source tree never gets stale.
            f"-DAMENT_CMAKE_SYMLINK_INSTALL={linked}",
        )
        run("cmake", "--build", build)
        run("cmake", "--install", build, cwd=build)
    link_source_tree()


def link_source_tree() -> None:
    """Let the Python of .venv find the source tree's siammask_ros before the installed one."""
    (site_packages,) = (VENV / "lib").glob("python3.*/site-packages")
    (site_packages / "siammask_ros_source_tree.pth").write_text(
        "import os, sys; "
        "os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix); "
        "at = [path.endswith('site-packages') for path in sys.path].index(True); "
        f"sys.path.insert(at, {str(ROOT)!r})\n"
    )


def message_sources() -> list[Path]:
    """Return every file that the built messages and scripts depend on."""
    folders = [ROOT / "msg", ROOT / "srv", ROOT / "cmake", *(TOOLS / name for name in OWN_MESSAGES)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [*files, ROOT / "CMakeLists.txt", ROOT / "package.xml", TOOLS / "ros_wheels.cmake"]


def digest(files: Iterable[Path], *more: str) -> str:
    """Return the hash of files and words; this script counts as one of the files."""
    total = hashlib.sha256("\n".join([str(ROOT), *more]).encode())
    for path in sorted([*files, Path(__file__).resolve()]):
        total.update(f"\n{path}\n".encode() + path.read_bytes())
    return total.hexdigest()


def read_stamp(step: str) -> str:
    """Return what a finished step has noted, empty if it has not finished."""
    path = VENV / f".setup-{step}"
    return path.read_text() if path.exists() else ""


def ensure(step: str, stamp: str, action: Callable[[], None]) -> None:
    """Carry out a step unless its stamp says that it was done with the same inputs."""
    if read_stamp(step) == stamp:
        return
    started = time.monotonic()
    action()
    (VENV / f".setup-{step}").write_text(stamp)
    say(f"{step} ready ({time.monotonic() - started:.0f} s)")


def set_up() -> None:
    """Run the steps whose inputs have changed."""
    flavour = chosen_torch()
    links = [
        str(path) for name in ("config", "launch") for path in sorted((ROOT / name).rglob("*"))
    ]
    others = {requirement_list(f"ros_{name}") for name in VENVS if name != DISTRIBUTION}
    packages = f"{flavour} {digest(set(REQUIREMENTS.glob('*.txt')) - others)}"
    ensure("packages", packages, lambda: install_packages(flavour))
    ensure("messages", digest(message_sources(), packages, *links), build_messages)


def verify() -> str:
    """Return what keeps .venv from working, or nothing."""
    result = subprocess.run(
        [PYTHON, "-c", VERIFY], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    return "" if result.returncode == 0 else (result.stderr.strip() or "no reason given")


def main(arguments: list[str]) -> int:
    """Set up and then run a command, if one is given; return the exit code."""
    try:
        check_folder(ROOT)
        check_distribution()
        check_machine()
        if "ROS_DISTRO" in os.environ:
            sourced = os.environ["ROS_DISTRO"]
            say(f"ROS 2 {sourced} is sourced and left alone; {VENV.name} has its own")
        make_venv()
        set_up()
        if verify():
            say(f"something in {VENV.name} is missing or damaged: doing all steps again")
            for step in ("packages", "messages"):
                (VENV / f".setup-{step}").unlink(missing_ok=True)
            set_up()
        reason = verify()
        if reason:
            raise SetupError(
                f"{reason}\n{VENV.name} still does not work: remove it and start again"
            )
    except SetupError as error:
        say(str(error))
        return 1
    if arguments[:1] == ["--run"]:
        os.chdir(ROOT)
        os.execvpe(arguments[1], arguments[1:], environment())
    say(f"{VENV.name} is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
