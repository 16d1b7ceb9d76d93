"""Children that end with us, however we end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def end_with_parent(
    cpus: frozenset[int] | None = None, groups: Iterable[Path] = (), *, niceness: int = 0
) -> Callable[[], None]:
    """For `Popen(preexec_fn=...)`: on `cpus` alone and in `groups` (cgroups) from the first
    instruction on, and killed when the parent is; `niceness` is added where that is allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    members = [group / "cgroup.procs" for group in groups]

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for path in members:
            path.write_text("0")
        if cpus:
            os.sched_setaffinity(0, cpus)
        with suppress(PermissionError):
            os.nice(niceness)

    return prepare


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes], *, seconds: float) -> None:
    """SIGTERM, and SIGKILL after `seconds`; the process is reaped."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
