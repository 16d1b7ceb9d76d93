"""Whether a measurement was disturbed, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from longshore.cpu.run_delay import thread_run_delay
from longshore.cpu.throttling import throttled_seconds

MOST_TAKEN = 0.2
"""Share of the time that others may have the CPU. Caches and clock speeds suffer from neighbours as
well, which no CPU clock shows.
"""


class Disturbance:
    """Adds up what the threads waited for a CPU while they measured, from now on."""

    def __init__(
        self,
        throttled: Callable[[], float] = throttled_seconds,
        run_delay: Callable[[], float | None] = thread_run_delay,
    ) -> None:
        self._throttled = throttled
        self._run_delay = run_delay
        self._throttled_before = throttled()
        self._tells_run_delay = run_delay() is not None
        self._seconds = 0.0
        self._waited = 0.0

    def add(self, seconds: float, waited_seconds: float) -> None:
        """A thread measured for `seconds`, and waited for a CPU for a part of them."""
        self._seconds += seconds
        self._waited += waited_seconds

    @contextmanager
    def watching(self, clock: Callable[[], float]) -> Iterator[None]:
        """What the calling thread does within this context is a part of the measurement."""
        begun, waited = clock(), self._run_delay()
        try:
            yield
        finally:
            self.add(clock() - begun, (self._run_delay() or 0.0) - (waited or 0.0))

    @property
    def reason(self) -> str:
        """In a clause; empty when the measurement can be believed. That a quota held the threads
        back is none where the time is known: it was left out of the result.
        """
        throttled = self._throttled() - self._throttled_before
        if self._seconds > 0 and throttled > 0 and not self._tells_run_delay:
            return f"the CPU quota held it back for {throttled:.2g} s"
        taken = self._waited - throttled
        if taken > MOST_TAKEN * self._seconds:
            return f"others had the CPU for {taken / self._seconds:.0%} of the time"
        return ""
