"""CPUs that this process can have at this moment, its neighbours on the node considered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from math import exp
from pathlib import Path

STAT = Path("/proc/stat")
MEMORY_SECONDS = 10.0
"""Time constant: what one second's neighbour takes is no reason for another pod."""
GUARANTEED_SHARE = 0.5
"""Of the limit, where no request says what is guaranteed: the scheduler's share beside one
neighbour of equal weight."""


class AvailableCpus:
    """What it uses and what is idle, at most its limit and at least what it is guaranteed.

    Neighbours that use what they find give way to what is guaranteed, so their work does not count
    against it. Used on one thread only.
    """

    def __init__(
        self,
        limit: float,
        guaranteed: float | None = None,
        *,
        idle_seconds: Callable[[], float | None] | None = None,
        own_seconds: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit` and `guaranteed` in CPUs; `idle_seconds` returns the CPU seconds that the CPUs
        were idle so far, or `None` where nobody knows.
        """
        self.limit = limit
        self._guaranteed = min(limit, guaranteed or GUARANTEED_SHARE * limit)
        self._idle_seconds = idle_seconds or idle_clock(os.sched_getaffinity(0))
        self._own_seconds = own_seconds
        self._clock = clock
        self._last = self._read()
        self.value = limit

    def sample(self) -> None:
        """Look at the clocks; called at a steady interval."""
        (now, idle, own), (last, last_idle, last_own) = self._read(), self._last
        self._last = (now, idle, own)
        if idle is None or last_idle is None or now <= last:
            return
        found = (idle - last_idle + own - last_own) / (now - last)
        weight = 1 - exp((last - now) / MEMORY_SECONDS)
        value = self.value + weight * (found - self.value)
        self.value = min(self.limit, max(self._guaranteed, value))

    def _read(self) -> tuple[float, float | None, float]:
        return self._clock(), self._idle_seconds(), self._own_seconds()


def idle_clock(cpus: Collection[int], stat: Path = STAT) -> Callable[[], float | None]:
    """Reads the CPU seconds that `cpus` were idle since the node booted, from proc_stat(5); waiting
    for a disk is idle. `None` where the file is missing or shows none of them.
    """
    names = {f"cpu{number}" for number in cpus}
    ticks_per_second = os.sysconf("SC_CLK_TCK")

    def read() -> float | None:
        try:
            lines = stat.read_text("ascii").splitlines()
        except (OSError, ValueError):
            return None
        ticks = [line.split() for line in lines if line.startswith("cpu")]
        idle = [int(words[4]) + int(words[5]) for words in ticks if words[0] in names]
        return sum(idle) / ticks_per_second if idle else None

    return read
