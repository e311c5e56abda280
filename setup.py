"""Builds a wheel: of the command line alone, or, where ROS 2 is sourced, of all of it.

Without ROS 2, `pip install .` installs the Python package without messages and nodes' executables.
With it, `pip install --no-build-isolation --no-deps .` builds the wheel with CMakeLists.txt. It
holds what CMake installs. The Python part, generated messages included, becomes the package;
libraries, share/ and lib/ become data files, so that the environment turns into an ordinary ament
prefix. CMAKE_ARGS in the environment is handed on to CMake.
"""

import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = "siammask_ros"
BUILD = ROOT / "build" / "pip"
STAGE = BUILD / "stage"


class BuildPackage(build_py):
    """Fills the wheel with the Python package, and with what CMake makes where ROS 2 is there."""

    def run(self) -> None:
        """Copy the package and install what CMakeLists.txt installs."""
        if self.editable_mode:
            raise SystemExit(
                "an editable install would have no messages: use `python3 tools/setup_env.py`, "
                "or `colcon build --symlink-install` where ROS 2 is installed"
            )
        if not has_ros():
            copy_package(ROOT / PACKAGE, Path(self.build_lib))
            return
        if find_spec("ament_package") is None:
            raise SystemExit(
                "ROS 2 is sourced, but pip's build isolation hides its Python packages: use "
                "`colcon build`, or `pip install --no-build-isolation --no-deps .`, or, for the "
                "command line alone, `env -u AMENT_PREFIX_PATH pip install .`"
            )
        install_into_stage()
        (package,) = {path.parent for path in STAGE.glob(f"**/*-packages/{PACKAGE}/__init__.py")}
        copy_package(package, Path(self.build_lib))
        self.distribution.data_files = data_files(package.parent)


class PlatformDistribution(Distribution):
    """Marks a wheel with messages as made for one platform and Python version."""

    def has_ext_modules(self) -> bool:
        """Whether the wheel is only for this platform: it is if it has messages."""
        return has_ros()


def has_ros() -> bool:
    """Return whether a ROS 2 is sourced that can build the messages."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return any((Path(prefix) / "share" / "ament_cmake").is_dir() for prefix in prefixes if prefix)


def copy_package(package: Path, to: Path) -> None:
    """Copy the sources of the package without caches."""
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, to / PACKAGE, ignore=no_caches, dirs_exist_ok=True)


def install_into_stage() -> None:
    """Configure, build and install the package with CMake, from scratch each time."""
    shutil.rmtree(STAGE, ignore_errors=True)
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(BUILD)),
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_TESTING=OFF",
        f"-DCMAKE_INSTALL_PREFIX={STAGE}",
        f"-DPython3_EXECUTABLE={sys.executable}",
        *shlex.split(os.environ.get("CMAKE_ARGS", "")),
    ]
    for command in (
        configure,
        ["cmake", "--build", str(BUILD), "--parallel"],
        ["cmake", "--install", str(BUILD)],
    ):
        subprocess.run(command, check=True)


def data_files(site_packages: Path) -> list[tuple[str, list[str]]]:
    """List what was installed beside the Python package and pip's own scripts, folder by folder."""
    files = [
        path
        for path in sorted(STAGE.rglob("*"), key=lambda path: (path.parent, path.name))
        if path.is_file() and not path.is_relative_to(site_packages)
        if path.parent != STAGE / "bin"
    ]
    return [
        (str(folder.relative_to(STAGE)), [str(path) for path in paths])
        for folder, paths in groupby(files, key=lambda path: path.parent)
    ]


setup(
    packages=[PACKAGE],
    cmdclass={"build_py": BuildPackage},
    distclass=PlatformDistribution,
)
