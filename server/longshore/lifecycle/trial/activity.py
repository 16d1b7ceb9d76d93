"""What a child is at, as the kernel sees it.

Source: proc_pid_stat(5), field 3.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from longshore.child_process import cpu_seconds_of


class Activity(Struct, frozen=True):
    """At one moment."""

    can_run: bool
    """A thread runs, or waits for a CPU; else all of them sleep or wait for a disk."""
    is_stopped: bool
    """By a signal."""
    cpu_seconds: float
    """Of all its threads so far."""


def activity_of(pid: int) -> Activity:
    """Of a child that has not been waited for."""
    state = ""
    for thread in _threads(pid):
        state = _state(Path(f"/proc/{pid}/task/{thread}/stat"))
        if state in ("R", "T"):  # one says it of all
            break
    return Activity(state == "R", state == "T", cpu_seconds_of(pid))


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _state(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
