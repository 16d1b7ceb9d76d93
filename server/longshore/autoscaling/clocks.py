"""The clocks of this process, and what passed on them between two looks."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from msgspec import Struct

from longshore.cpu.run_delay import thread_run_delay


class Elapsed(Struct, frozen=True):
    """Between two looks; seconds."""

    wall: float
    event_loop_cpu: float
    process_cpu: float
    event_loop_waited: float
    """For a CPU, while it was ready to run."""
    wakeups: int
    """Times that the event loop had nothing to do and waited."""
    predicted: float
    """What the executions that ended should have taken by their calibration."""

    @property
    def cpu_elsewhere(self) -> float:
        """CPU seconds of all threads but the event loop's."""
        return max(0.0, self.process_cpu - self.event_loop_cpu)


class Clocks:
    """Looked at on the event loop only, whose thread some of them are of."""

    def __init__(
        self,
        predicted_seconds: Callable[[], float],
        *,
        wall: Callable[[], float] = time.monotonic,
        event_loop_cpu: Callable[[], float] = time.thread_time,
        process_cpu: Callable[[], float] = time.process_time,
        event_loop_waited: Callable[[], float | None] = thread_run_delay,
        wakeups: Callable[[], int] | None = None,
    ) -> None:
        """`predicted_seconds` returns the total of all executions so far."""
        self._clocks = (
            wall, event_loop_cpu, process_cpu, event_loop_waited, wakeups or _voluntary_switches,
            predicted_seconds,
        )  # fmt: skip
        self._last = self._read()

    def elapsed(self) -> Elapsed:
        """Since the last look."""
        now, last = self._read(), self._last
        self._last = now
        wall, event_loop, process, waited, wakeups, predicted = (
            after - before for after, before in zip(now, last, strict=True)
        )
        return Elapsed(wall, event_loop, process, waited, int(wakeups), predicted)

    def _read(self) -> tuple[float, ...]:
        return tuple(clock() or 0.0 for clock in self._clocks)


def _voluntary_switches() -> int:
    """Of the calling thread, from getrusage(2): one each time it waits for events."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
