"""The work that arrives, by the resource that it takes; what is full first is what counts."""

from __future__ import annotations

import threading

RESOURCES = ("cpu", "event_loop", "instances")


class OfferedWork:
    """Seconds of each resource of this pod, as a whole, that arriving requests asked for.

    A resource is full when a second of it is asked for in a second. A pod is full when one of them
    is, so the work of a stretch of time is that of the resource that was asked for most in it. The
    largest share of each request, added up, would be more: requests that fill different resources
    do not wait for each other.

    Added to on the event loop alone, without a lock; read from any thread.
    """

    def __init__(self) -> None:
        self._totals = (0.0, 0.0, 0.0)
        self._reading = threading.Lock()
        self._seen = self._totals
        self._work = 0.0

    def seconds_of(self, resource: str) -> float:
        """Asked of one of `RESOURCES` since the start."""
        return self._totals[RESOURCES.index(resource)]

    def add(self, cpu: float, event_loop: float, instances: float) -> None:
        cpu_total, loop_total, instances_total = self._totals
        # One assignment: a reader on another thread sees the old totals or the new ones, whole.
        self._totals = (cpu_total + cpu, loop_total + event_loop, instances_total + instances)

    def read(self) -> float:
        """The work since the start; between two readings it grows by what the resource grew by that
        was asked for most.
        """
        with self._reading:
            totals = self._totals
            self._work += max(now - seen for now, seen in zip(totals, self._seen, strict=True))
            self._seen = totals
            return self._work
