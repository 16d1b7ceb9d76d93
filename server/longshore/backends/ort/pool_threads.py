"""The threads that a session computes with beside the one that runs it, each on CPUs of its own.

A thread may be woken on the CPU of the one that wakes it and wait there although another CPU
is idle, until the kernel next balances its load: on a guest of KVM whose CPUs had slept, up to 4 of
the 7 ms of an execution (docs/decisions, 217). onnxruntime can bind the threads of its pool to
fixed CPUs alone, and on a node that pods share, every replica would bind them to the same ones.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

_NOWHERE = -1


def thread_ids() -> set[int]:
    """Threads of this process that Python did not start, as the kernel counts them."""
    started_by_python = {thread.native_id for thread in threading.enumerate()}
    return {int(name) for name in os.listdir("/proc/self/task")} - started_by_python


class PoolThreads:
    """Threads of one pool, which sleep while the session does not run."""

    def __init__(self, ids: Iterable[int], *, current_cpu: Callable[[], int] | None = None) -> None:
        """`current_cpu` tells on which CPU the calling thread runs."""
        self._ids = tuple(sorted(ids))
        self._current_cpu = current_cpu or ctypes.PyDLL(None).sched_getcpu
        self._left_cpu = _NOWHERE

    def leave_caller_alone(self) -> None:
        """Let them run on the CPUs that the calling thread may use and is not on now, divided among
        them, so that two of them are not woken on one CPU either.
        """
        cpu = self._current_cpu()
        if cpu == self._left_cpu:
            return
        self._left_cpu = cpu
        others = sorted(os.sched_getaffinity(0) - {cpu})
        if len(others) < len(self._ids):
            return
        try:
            for place, thread_id in enumerate(self._ids):
                os.sched_setaffinity(thread_id, others[place :: len(self._ids)])
        except OSError as error:  # a sandbox, or CPUs that were taken away just now
            logger.info("the threads of a pool run where the kernel wakes them: %s", error)
            self._ids = ()
