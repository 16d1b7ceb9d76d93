"""The first process of the pod: stays while another works in the container, and ends after it.

Whoever pushes deletes the pod. Where that does not happen, since its process was killed or its
network is gone, the pod ends by itself and lets go of the volume.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

_POLLS = 60
"""Looks within the time."""


def hold(seconds: float) -> int:
    """Until nobody has worked for as long, or SIGTERM, which process 1 gets by a handler alone."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans become process 1's, and stay otherwise
    idle = 0
    while idle < _POLLS and not stopped.wait(seconds / _POLLS):
        idle = 0 if _others() else idle + 1
    if not stopped.is_set():
        sys.stdout.write(f"nobody has worked here for {seconds:g} s\n")
    return 0


def _others() -> bool:
    """Whether there is another process in the container."""
    return any(name.isdecimal() and int(name) != os.getpid() for name in os.listdir("/proc"))
