"""What a trial may take from the process that serves: nothing that it needs.

Called by the child before it imports or reads anything.

Sources: sched(7) (`SCHED_IDLE` yields to every other thread of its cgroup at once, where nice 19
may finish its slice; without `CAP_SYS_NICE` there is no way back from either),
prctl(2), getrlimit(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress

from longshore.child_process import be_expendable

PR_SET_PDEATHSIG = 1
LOWEST_PRIORITY = 19


def restrain(parent: int, memory_bytes: int | None, *, is_last: bool = True) -> None:
    """Be the first that a lack of memory ends, and end with `parent`; give way to everybody, unless
    not `is_last`: the parent then says when to run.

    Nothing of it may fail the trial: a kernel or a seccomp profile that refuses leaves less.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be noticed
        os._exit(1)
    if is_last:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
        with suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    be_expendable()
    if memory_bytes is not None:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
