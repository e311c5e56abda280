"""``siammask export``: writes the network as ONNX files, or quantizes it to int8."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from siammask_ros.cli import int8
from siammask_ros.cli import options as shared
from siammask_ros.errors import ConfigError, EngineError


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    export = commands.add_parser(
        "export", help="write the network as ONNX files, or quantize it to int8 for this machine"
    )
    export.add_argument("--model", default="lite", help="network: lite (default) or resnet50")
    export.add_argument(
        "--checkpoint", default="", help="file or name of weights; default: the ones in the package"
    )
    export.add_argument(
        "--format",
        default="onnx",
        choices=("onnx", "int8"),
        help="onnx: files in --out (default); int8: a model in the cache, for --precision int8",
    )
    export.add_argument(
        "--out",
        type=Path,
        default=Path("out/export"),
        metavar="FOLDER",
        help="folder for the ONNX files",
    )
    int8.add_to(export)
    export.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return int8.run(options) if options.format == "int8" else _onnx(options)


def _onnx(options: argparse.Namespace) -> int:
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(f"export to ONNX is not installed; run: pip install {' '.join(missing)}")
    from siammask_ros.engines.onnx_conversion import onnx_bytes
    from siammask_ros.engines.onnx_rt import description
    from siammask_ros.engines.parts import MaskPart, SearchPart, TemplatePart
    from siammask_ros.model.checkpoint import load_network
    from siammask_ros.weights_cache.cache import locate_checkpoint

    _create_folder(options.out)
    path, expected = locate_checkpoint(options.checkpoint, options.model)
    network, sha256 = load_network(path, options.model, expected)
    parts: dict[str, Any] = {
        "template": TemplatePart(network),
        "search": SearchPart(network),
        "crowd_search": SearchPart(network, network.variant.small_search_size),
    }
    if network.variant.has_mask:
        parts["mask"] = MaskPart(network)
    contents = {name: onnx_bytes(part) for name, part in parts.items()}
    about = {
        "model": network.variant.name,
        "weights_sha256": sha256,
        "parts": {
            name: {"file": f"{name}.onnx", **description(content)}
            for name, content in contents.items()
        },
    }
    files = {f"{name}.onnx": content for name, content in contents.items()}
    files["model.json"] = (json.dumps(about, indent=2) + "\n").encode()
    shared.print_written(_write_files(options.out, files))
    return 0


def _create_folder(folder: Path) -> None:
    """Create the folder; raises ConfigError if it is not writable, before anything is computed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(folder, error) from error
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder} is not writable; choose another folder with --out")


def _write_files(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Write the files, each whole or not at all; raises ConfigError."""
    try:
        for name, content in files.items():
            unfinished = folder / f"{name}.part"
            unfinished.write_bytes(content)
            unfinished.replace(folder / name)
    except OSError as error:
        raise _write_error(folder, error) from error
    return [folder / name for name in files]


def _write_error(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{folder} cannot be written: {error.strerror or error}; expected a writable folder; "
        "choose another one with --out"
    )
