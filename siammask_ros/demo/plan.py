"""What the demo plays and what it follows in it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from siammask_ros.errors import DataError
from siammask_ros.media.frames import Source, open_source

Box = tuple[float, float, float, float]

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
_PRELOAD_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Plan:
    """A stretch of a source, and the box (left, top, width, height) in its first image."""

    source: Path
    box_xywh: Box
    first: int = 0
    last: int | None = None
    about: str = ""

    def open(self) -> Source:
        """The images; raises DataError where there are none."""
        return open_source(self.source, self.first, self.last)

    @property
    def fits_in_memory(self) -> bool:
        """Whether it may be decoded before it is played."""
        source = self.open()
        height, width = source.size
        return (source.length or sys.maxsize) * height * width * 3 <= _PRELOAD_BYTES


def make_plan(video: str | None, box_xywh: Box | None) -> Plan:
    """The user's video and box, or the demo's own.

    Raises DataError where the box for a video of one's own is missing, or the demo's video is not
    installed.
    """
    if video is None:
        default = _default_plan()
        return (
            default
            if box_xywh is None
            else Plan(default.source, box_xywh, default.first, default.last, default.about)
        )
    if box_xywh is None:
        raise DataError(f"{video} comes without a box; say what to follow: --box x,y,w,h")
    return Plan(Path(video), box_xywh)


def find_config(name: str) -> Path:
    """A file of config/, of the source tree or as installed; raises DataError."""
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [_PACKAGE_ROOT / "config"]
    folders += [Path(prefix) / "share" / "siammask_ros" / "config" for prefix in prefixes if prefix]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"config/{name} is not installed; expected it in one of {folders}")


def _default_plan() -> Plan:
    path = find_config("demo.yaml")
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    x, y, width, height = (float(number) for number in values["box_xywh"])
    return Plan(
        _inside_package(values["package"], values["video"]),
        (x, y, width, height),
        int(values["first_frame"]),
        int(values["last_frame"]),
        str(values["about"]),
    )


def _inside_package(package: str, path: str) -> Path:
    """A file that an installed package carries; the package itself is not imported."""
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    raise DataError(
        f"the demo's video {package}/{path} is not installed; run `make setup`, or give a video "
        "of your own: --video FILE --box x,y,w,h"
    )
