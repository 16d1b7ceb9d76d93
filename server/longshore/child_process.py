"""Child processes: what CPU one used, libraries that keep to one thread, and who goes first.

Sources: clock_getcpuclockid(3), whose number is `CPUCLOCK_SCHED`; proc_pid_oom_score_adj(5).
"""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Pools that libraries would open for the whole node."""


FIRST_TO_BE_KILLED = 1000


def be_expendable() -> None:
    """Be the first that a lack of memory ends, and leave no core file; called by the child. What a
    kernel or a seccomp profile refuses is left.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_BE_KILLED), "ascii")
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def one_thread_environment() -> dict[str, str]:
    """This process's, with libraries bound to one thread each."""
    return {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}


def cpu_seconds_of(pid: int) -> float:
    """CPU seconds of all threads of a child; 0 where there is none."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
