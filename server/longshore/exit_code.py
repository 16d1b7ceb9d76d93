"""What every command ends with; docs/operations.md has the table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `longshore`."""

    OK = 0
    FAILED = 1
    """The model cannot be served, or work was left undone."""
    USAGE = 2
    """A mistake in how the command was called; argparse's code too."""
    DEVICE_LOST = 3
    """From `serve`: only a new process gets a working device."""
