"""Saves targets to files and loads them again: ~/save_target and ~/load_target."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from siammask_ros.errors import DataError
from siammask_ros.media.recording import check_output_file, check_space
from siammask_ros.ros.runtime import qos
from siammask_ros.ros.runtime.guard import CallbackGuard, failure_response
from siammask_ros.ros.runtime.node_config import NodeConfig
from siammask_ros.session import SavedTarget, Session
from siammask_ros.srv import TargetFile

# Any node on the network may call: a name must not lead out of the folder, nor fill the disk.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ENDING = ".safetensors"
MOST_FILES = 256
MOST_BYTES = 1 << 20


class TargetFiles:
    """Provides the two services. Nothing is loaded without a call, not even after a restart.

    ``active_session`` raises SiamMaskError if the node is not active; ``config`` returns the
    current parameters.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        active_session: Callable[[], Session],
        config: Callable[[], NodeConfig],
    ) -> None:
        self._active_session = active_session
        self._config = config
        group = MutuallyExclusiveCallbackGroup()
        for name, answer in (("~/save_target", self._on_save), ("~/load_target", self._on_load)):
            guarded_callback = guard.wrap(answer, failure_response, name)
            node.create_service(
                TargetFile, name, guarded_callback, qos_profile=qos.SERVICES, callback_group=group
            )

    def _on_save(self, request: Any, response: Any) -> Any:
        path = build_path(self._config().templates_dir, request.name)
        saved = self._active_session().save_target(request.id)
        write_file(path, saved.to_bytes())
        response.success, response.message = True, f"target {request.id!r} saved as {path}"
        return response

    def _on_load(self, request: Any, response: Any) -> Any:
        path = build_path(self._config().templates_dir, request.name)
        session = self._active_session()
        try:
            saved = SavedTarget.from_bytes(read_file(path))
            target_id = session.resume_target(saved, request.id)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        response.success = True
        response.message = f"target {target_id!r} loaded; it is LOST until it is found"
        return response


def build_path(folder: str, name: str) -> Path:
    """Return the path of the file; raises DataError without a folder or for an illegal name."""
    if not folder:
        raise DataError("no folder for saved targets; set the parameter templates_dir at the start")
    if not _NAME.fullmatch(name):
        raise DataError(
            f"name is {name[:80]!r}; expected 1 to 64 of the characters A-Z a-z 0-9 _ -"
        )
    return Path(folder).expanduser().absolute() / f"{name}{_ENDING}"


def write_file(path: Path, content: bytes) -> None:
    """Write a new file; raises DataError if it exists, or if the folder or the disk is full."""
    check_output_file(path)
    check_space(path)
    if sum(1 for _ in path.parent.glob(f"*{_ENDING}")) >= MOST_FILES:
        raise DataError(f"{path.parent} already has {MOST_FILES} targets; remove some first")
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise DataError(f"{path} already exists and is not replaced") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def read_file(path: Path) -> bytes:
    """Return the content of a file; raises DataError if it is missing or too large."""
    if not path.is_file():
        raise DataError("there is no such file; ~/save_target creates it")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"not a saved target: it has more than {MOST_BYTES} bytes")
    return content
