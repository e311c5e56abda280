"""``siammask weights``: lists and downloads the authors' weights."""

from __future__ import annotations

import argparse
from typing import Any

from siammask_ros.weights_cache.catalogue import WEIGHTS, find_weights

_COLUMNS = ("name", "model", "preset", "size", "state", "address")


def add_to(commands: Any) -> None:
    """Add this command to the command line."""
    weights = commands.add_parser("weights", help="list, download or locate the authors' weights")
    actions = weights.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the weights and whether they are in the cache")
    listing.set_defaults(run=_list)
    fetching = actions.add_parser("fetch", help="download weights into the cache")
    _add_name(fetching)
    fetching.add_argument(
        "--mirror", default="", metavar="URL", help="download from this http or https address"
    )
    fetching.set_defaults(run=_fetch)
    path = actions.add_parser("path", help="verify downloaded weights and print their path")
    _add_name(path)
    path.set_defaults(run=_path)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=", ".join(WEIGHTS))


def _list(options: argparse.Namespace) -> int:
    from siammask_ros.weights_cache.cache import CachedFile, cache_folder

    folder = cache_folder()
    rows = [_COLUMNS]
    for weights in WEIGHTS.values():
        file = CachedFile(weights, folder)
        size = f"{file.size_bytes() / 1e6:.1f} MB" if file.size_bytes() else "-"
        about = (weights.name, weights.model, weights.preset, size, file.state(), weights.address)
        rows.append(about)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print(f"cache: {folder}")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from siammask_ros.weights_cache.cache import CachedFile
    from siammask_ros.weights_cache.fetch import fetch

    weights = find_weights(options.name)
    file = CachedFile.from_name(options.name)
    with tqdm(desc=weights.file, unit="B", unit_scale=True, disable=None) as bar:

        def on_progress(size_bytes: int, total_bytes: int | None) -> None:
            bar.total = total_bytes
            bar.update(size_bytes - bar.n)

        record = fetch(file, options.mirror, on_progress)
    print(f"{file.path}: {record.size_bytes / 1e6:.1f} MB, SHA-256 {record.sha256}")
    network = f"--model {weights.model} --checkpoint {weights.name}"
    print(f"use: {network} --tracker-preset {weights.preset}")
    return 0


def _path(options: argparse.Namespace) -> int:
    from siammask_ros.weights_cache.cache import CachedFile

    print(CachedFile.from_name(options.name).verify())
    return 0
