"""The CPU of a child process: what it used, and libraries that keep to one thread.

Source: clock_getcpuclockid(3), whose number is `CPUCLOCK_SCHED`.
"""

from __future__ import annotations

import os
import time

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Pools that libraries would open for the whole node."""


def one_thread_environment() -> dict[str, str]:
    """This process's, with libraries bound to one thread each."""
    return {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}


def cpu_seconds_of(pid: int) -> float:
    """CPU seconds of all threads of a child; 0 where there is none."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
