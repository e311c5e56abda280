"""The command line: one file for each command."""

from collections.abc import Sequence

from siammask_ros.cli.stopping import exit_on_interrupt

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 after an error message, or 128 + signal."""
    with exit_on_interrupt():
        from siammask_ros.cli.command_line import run
    return run(arguments)
