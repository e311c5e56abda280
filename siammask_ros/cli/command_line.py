"""Draw a box around an object once; it is tracked and segmented in every frame."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from siammask_ros import __version__
from siammask_ros.cli import (
    BAD_INPUT,
    INTERRUPTED,
    bench,
    demo,
    export,
    track,
    train,
    trax,
    tune,
    weights,
)
from siammask_ros.cli import eval as evaluate
from siammask_ros.cli.stopping import Stopped, handle_stop_signals
from siammask_ros.errors import DataError, SiamMaskError, format_error

_COMMANDS = (demo, track, evaluate, bench, train, tune, export, weights, trax)


def run(arguments: Sequence[str] | None = None) -> int:
    """See ``main`` of this package."""
    # FFmpeg's messages about a damaged file would hide our own line about it.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    options = _parser().parse_args(arguments)
    try:
        _check_utf8(sys.argv[1:] if arguments is None else arguments)
        with handle_stop_signals():
            return int(options.run(options))
    except SiamMaskError as error:
        print(f"siammask: {format_error(error)}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        # An error of the machine, not of our code: a folder without permission, a full disk.
        where = f"{error.filename}: " if error.filename else ""
        print(f"siammask: {where}{format_error(error)}", file=sys.stderr)
        return BAD_INPUT
    except Stopped as stopped:
        return stopped.code
    except KeyboardInterrupt:
        return INTERRUPTED


def _check_utf8(arguments: Sequence[str]) -> None:
    """Raise DataError for names that OpenCV and the standard output cannot encode."""
    wrong = [text for text in arguments if any("\ud800" <= letter <= "\udfff" for letter in text)]
    if wrong:
        raise DataError(f"{wrong[0]} is not UTF-8; rename the file or its folder")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siammask", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
