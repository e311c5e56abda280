"""The command line: one file a command."""

from siammask_ros.cli.command_line import BAD_INPUT, INTERRUPTED, main

__all__ = ["BAD_INPUT", "INTERRUPTED", "main"]
