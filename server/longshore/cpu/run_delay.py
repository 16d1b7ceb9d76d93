"""How long a thread was ready to run and had no CPU.

Others on the machine had it, or a quota held the thread back. Neither moves the thread's CPU clock,
both move the wall clock.

Source: Linux Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`: nanoseconds on a
CPU, nanoseconds of waiting on a run queue, time slices.
"""

from __future__ import annotations

import os

_FILE = "/proc/thread-self/schedstat"
_MOST_BYTES = 256


def thread_run_delay() -> float | None:
    """Seconds since the calling thread began; `None` where the kernel does not tell (gVisor)."""
    try:
        descriptor = os.open(_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fields = os.read(descriptor, _MOST_BYTES).split()
    finally:
        os.close(descriptor)
    return int(fields[1]) / 1e9 if len(fields) == 3 else None
