"""What has to agree between the files that build, install and describe the package."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix, get_package_share_directory

import siammask_ros

ROOT = Path(__file__).resolve().parent.parent

# What vision_msgs 4.1.1 has; a type with another hash does not talk to anybody's nodes.
TYPE_HASHES = {
    "BoundingBox2D": "RIHS01_008eacbb0cf8f26e83795547bed013eec3675485ef386ec056d80eaaf1c1ce2f",
    "Detection2D": "RIHS01_0d12b69df5c593b3455b7346fac8205437a7d4bcb09b9e0e0b2dde787ded38ea",
    "Detection2DArray": "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968",
    "ObjectHypothesis": "RIHS01_51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90",
}
FIELDS = {
    "Track": [
        "string id",
        "uint8 state",
        "string reason",
        "float score",
        "vision_msgs/BoundingBox2D box",
        "vision_msgs/Point2D[4] corners",
        "float predicted_ms",
        "vision_msgs/BoundingBox2D observed_box",
        "sequence<vision_msgs/Point2D> outline",
        "uint32 mask_area",
        "builtin_interfaces/Duration time_since_seen",
        "boolean has_bearing",
        "geometry_msgs/Vector3 bearing",
        "boolean has_position",
        "geometry_msgs/Point position",
        "double[9] position_covariance",
    ],
    "TrackArray": [
        "std_msgs/Header header",
        "uint32 config_serial",
        "sequence<siammask_ros/Track> tracks",
    ],
    "FrameLatency": [
        "std_msgs/Header header",
        "float transport_ms",
        "float wait_ms",
        "float convert_ms",
        "float crop_ms",
        "float network_ms",
        "float select_ms",
        "float mask_ms",
        "float publish_ms",
        "float age_ms",
        "uint64 received",
        "uint64 processed",
        "uint64 dropped",
    ],
}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"nothing matches {pattern}"
    return match[1]


def test_every_version_is_that_of_package_xml() -> None:
    version = ElementTree.fromstring(text_of("package.xml")).findtext("version")
    assert siammask_ros.__version__ == version
    assert found(r'^version = "(.*)"', text_of("pyproject.toml")) == version
    assert found(r"^(\d+\.\d+\.\d+|Forthcoming)\b", text_of("CHANGELOG.rst")) in {
        version,
        "Forthcoming",
    }


def installed_scripts() -> list[tuple[str, str, str]]:
    """Return name, module and destination of every script that CMake installs."""
    scripts = re.findall(r"^install_script\((\S+) (\S+) (\S+)\)", text_of("CMakeLists.txt"), re.M)
    assert scripts
    return scripts


def test_pip_and_cmake_install_the_same_commands() -> None:
    section = found(r"(?s)^\[project\.scripts\]\n(.*?)\n\n", text_of("pyproject.toml"))
    of_pip = dict(re.findall(r'^(\w+) = "(.*)"$', section, re.M))
    of_cmake = {name: f"{module}:main" for name, module, to in installed_scripts() if to == "bin"}
    assert of_pip == of_cmake


@pytest.mark.parametrize(("name", "module", "destination"), installed_scripts())
def test_a_script_calls_a_function_that_exists(name: str, module: str, destination: str) -> None:
    path = module.replace(".", "/")
    path += "/__init__.py" if (ROOT / path).is_dir() else ".py"
    tree = ast.parse(text_of(path))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    handed_on = [node.names for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "main" in names.union(name.name for group in handed_on for name in group)
    installed = Path(get_package_prefix("siammask_ros")) / destination.replace(
        "${PROJECT_NAME}", "siammask_ros"
    )
    assert os.access(installed / name, os.X_OK)


def test_every_node_file_has_an_executable() -> None:
    package = "siammask_ros.ros.nodes"
    files = (ROOT / package.replace(".", "/")).glob("*.py")
    nodes = {
        (f"{file.stem}_node", f"{package}.{file.stem}")
        for file in files
        if "\ndef main(" in file.read_text(encoding="utf-8")
    }
    assert ("tracker_node", f"{package}.tracker") in nodes
    assert nodes == {(name, module) for name, module, to in installed_scripts() if to != "bin"}


@pytest.mark.parametrize("name", TYPE_HASHES)
def test_a_vision_message_is_the_one_everybody_uses(name: str) -> None:
    file = Path(get_package_share_directory("vision_msgs")) / "msg" / f"{name}.json"
    hashes = {
        each["type_name"]: each["hash_string"]
        for each in json.loads(file.read_text(encoding="utf-8"))["type_hashes"]
    }
    assert hashes[f"vision_msgs/msg/{name}"] == TYPE_HASHES[name]


def test_the_tf_message_is_the_one_everybody_uses() -> None:
    pytest.importorskip("rosbags", reason="rosbags knows the hash of the original")
    from rosbags.typesys import Stores, get_typestore

    original = get_typestore(Stores.ROS2_JAZZY).hash_rihs01("tf2_msgs/msg/TFMessage")
    file = Path(get_package_share_directory("tf2_msgs")) / "msg" / "TFMessage.json"
    hashes = json.loads(file.read_text(encoding="utf-8"))["type_hashes"]
    ours = {each["type_name"]: each["hash_string"] for each in hashes}
    assert ours["tf2_msgs/msg/TFMessage"] == original


@pytest.mark.parametrize("name", FIELDS)
def test_a_message_has_the_fields_of_its_contract(name: str) -> None:
    from siammask_ros import msg

    fields = getattr(msg, name).get_fields_and_field_types()
    assert [f"{type_name} {field}" for field, type_name in fields.items()] == FIELDS[name]


def test_the_track_states_keep_their_numbers() -> None:
    from siammask_ros.msg import Track

    states = (Track.TRACKING, Track.UNCERTAIN, Track.LOST, Track.STALE)
    assert states == (1, 2, 3, 4)


def test_every_message_field_says_what_it_means() -> None:
    for file in (*(ROOT / "msg").glob("*.msg"), *(ROOT / "srv").glob("*.srv")):
        for line in file.read_text(encoding="utf-8").splitlines():
            assert line in ("", "---") or "#" in line, f"{file.name}: {line}"


ANSWER = {"success": "boolean", "message": "string"}
SERVICE_FIELDS = {
    "Follow": (
        {
            "stamp": "builtin_interfaces/Time",
            "boxes": "sequence<vision_msgs/BoundingBox2D>",
            "mask": "sensor_msgs/Image",
            "ids": "sequence<string>",
        },
        {**ANSWER, "ids": "sequence<string>", "reasons": "sequence<string>"},
    ),
    "Forget": ({"id": "string"}, ANSWER),
    "List": ({}, {**ANSWER, "ids": "sequence<string>", "states": "sequence<uint8>"}),
    "TargetFile": ({"id": "string", "name": "string"}, ANSWER),
}


@pytest.mark.parametrize("name", SERVICE_FIELDS)
def test_a_service_has_the_fields_of_its_contract(name: str) -> None:
    from siammask_ros import srv

    kind = getattr(srv, name)
    fields = tuple(
        {
            field: type_name
            for field, type_name in part.get_fields_and_field_types().items()
            if field != "structure_needs_at_least_one_member"
        }
        for part in (kind.Request, kind.Response)
    )
    assert fields == SERVICE_FIELDS[name]


def test_config_and_launch_files_are_installed() -> None:
    share = Path(get_package_share_directory("siammask_ros"))
    for folder in ("config", "launch"):
        for file in (ROOT / folder).glob("[!.]*.*"):
            assert (share / folder / file.name).read_bytes() == file.read_bytes()


# The rosdep keys of modules that are not called like their packages.
ROSDEP_KEYS = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "pytest": "python3-pytest",
    **{
        name: f"python3-{name}"
        for name in ("aiohttp", "hypothesis", "matplotlib", "numpy", "tqdm", "yaml")
    },
}
# pip installs them (docs/installation.md), or rclpy brings them.
NOT_OF_ROSDEP = {"rosbags", "safetensors", "torch", "rcl_interfaces"}


def modules_of_tests() -> set[str]:
    """Return what the tests import on top of their files, of others, without which none runs."""
    folder = ROOT / "test"
    ours = {"bench", "siammask_ros", *(path.stem for path in folder.rglob("*.py"))}
    ours |= {path.name for path in folder.iterdir() if path.is_dir()}
    imported = set()
    for file in (*folder.rglob("test_*.py"), folder / "conftest.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    return imported - ours - sys.stdlib_module_names


def test_package_xml_declares_what_colcon_test_imports() -> None:
    declared = {each.text for each in ElementTree.fromstring(text_of("package.xml"))}
    missing = {
        name
        for name in modules_of_tests() - NOT_OF_ROSDEP
        if ROSDEP_KEYS.get(name, name) not in declared
    }
    assert not missing


def test_without_ros_pip_builds_the_command_line(tmp_path: Path) -> None:
    if not (find_spec("pip") and find_spec("setuptools")):
        pytest.skip("pip or setuptools is not installed")
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "siammask_ros",
        source / "siammask_ros",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", *build, "-w", str(tmp_path), str(source)],
        env={**os.environ, "AMENT_PREFIX_PATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "siammask = siammask_ros.cli:main" in archive.read(points).decode()
    for path in (ROOT / "siammask_ros").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names


def test_fast_dds_reads_the_profiles() -> None:
    space = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"
    root = ElementTree.fromstring(text_of("config/fastdds.xml"))
    assert [each.text for each in root.iter(f"{space}type")] == ["SHM", "UDPv4"]
    assert [each.text for each in root.iter(f"{space}segment_size")] == [str(32 * 2**20)]
    assert [each.text for each in root.iter(f"{space}useBuiltinTransports")] == ["false"]


@pytest.mark.parametrize(
    "file", ["launch/tracker.launch.py", "siammask_ros/demo/processes.py", "docs/interface.md"]
)
def test_the_profile_is_given_to_fast_dds_2_and_3(file: str) -> None:
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        assert name in text_of(file)


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout knows which files belong to the project")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split("\n")[:-1]
    assert names
    machine_path = re.compile(rb"(?<![\w.~}])/(?:work|root|tmp|home/\w+)/")
    for name in names:
        file = ROOT / name
        if file.is_file() and b"\0" not in (content := file.read_bytes()):
            match = machine_path.search(content)
            assert not match, f"{name}: {content[match.start() : match.end() + 40]!r}"
