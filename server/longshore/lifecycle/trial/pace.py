"""How much CPU a trial may have beside clients' work where a quota binds.

A priority orders threads that wait for the same CPU. A quota is used up by all threads of the
container together, on whatever CPU, and then holds all of them back until its next period: what the
trial takes is missing to the server whatever its priority. So the child is stopped and continued.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from longshore.lifecycle.trial.activity import cpu_seconds_of

SPARE_SHARE = 0.3
"""Of what clients' work leaves of the quota."""
IDLE_SHARE, SHARE_BESIDE_NOTHING = 0.05, 0.8
"""Of the quota: clients leave a server alone that takes less, and the trial has the rest."""
LEAST_SHARE = 0.05
"""Of the quota, however busy the server is: a trial has to end."""
MEMORY_SECONDS = 1.0
"""Over which the server's own use is averaged."""
BURST_SECONDS = 0.005
"""Of CPU in a row."""
MOST_SAVED_SECONDS = 0.02
"""Of CPU, while the child has no use for it."""


class Pace:
    """Of the child `pid`, where the quota is `cpus` CPUs; `tick` is called every 10 ms."""

    def __init__(
        self,
        pid: int,
        cpus: float,
        *,
        own_seconds: Callable[[], float] = time.process_time,
        child_seconds: Callable[[int], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        send: Callable[[int, int], None] = os.kill,
    ) -> None:
        self._pid = pid
        self._cpus = cpus
        self._own_seconds = own_seconds
        self._child_seconds = child_seconds or cpu_seconds_of
        self._clock = clock
        self._send = send
        self._is_stopped = False
        self._allowance = BURST_SECONDS
        self._used = cpus / 2
        """CPUs that the server takes."""
        self._last = self._read()

    @property
    def share(self) -> float:
        """CPUs that the child may have."""
        if self._used < IDLE_SHARE * self._cpus:
            return SHARE_BESIDE_NOTHING * self._cpus
        return max(LEAST_SHARE * self._cpus, SPARE_SHARE * (self._cpus - self._used))

    def tick(self) -> None:
        (now, own, child), (last, last_own, last_child) = self._read(), self._last
        self._last = (now, own, child)
        passed = now - last
        if passed <= 0:
            return
        weight = min(1.0, passed / MEMORY_SECONDS)
        self._used += weight * ((own - last_own) / passed - self._used)
        self._allowance += self.share * passed - (child - last_child)
        self._allowance = min(self._allowance, MOST_SAVED_SECONDS)
        self._stop(self._allowance < 0 if not self._is_stopped else self._allowance < BURST_SECONDS)

    def _stop(self, is_stopped: bool) -> None:
        if is_stopped == self._is_stopped:
            return
        with suppress(ProcessLookupError):
            self._send(self._pid, signal.SIGSTOP if is_stopped else signal.SIGCONT)
        self._is_stopped = is_stopped

    def _read(self) -> tuple[float, float, float]:
        return self._clock(), self._own_seconds(), self._child_seconds(self._pid)
