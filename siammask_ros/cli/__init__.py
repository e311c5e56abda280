"""The command line: one file a command."""

from collections.abc import Sequence

from siammask_ros.cli.stopping import ended_by_interrupt

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code: 0, 2 after one line on what was wrong, 128 + a signal's."""
    with ended_by_interrupt():
        from siammask_ros.cli.command_line import run
    return run(arguments)
