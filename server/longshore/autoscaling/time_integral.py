"""The integral over time of a level, such as the requests in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable


class TimeIntegral:
    """The integral over time of a level that is raised and lowered; read from any thread.

    What is read never falls: a fall is a reset to Prometheus, and a peak to the autoscaler.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._state = (0.0, 0, clock())
        self._reading = threading.Lock()
        self._last_read = 0.0

    @property
    def level(self) -> int:
        return self._state[1]

    def change(self, step: int) -> None:
        """Called by one thread alone, which takes no lock: two of these are a request."""
        now = self._clock()
        total, level, since = self._state
        # One assignment: a reader on another thread sees the old state or the new one, whole.
        self._state = (total + level * (now - since), level + step, now)

    def read(self) -> float:
        """Level times seconds since the start.

        The level may change between the two looks at state and clock, on either side: a reader
        then counts the old level for longer than it lasted. It stays at what it said until the
        integral has come as far.
        """
        with self._reading:
            total, level, since = self._state
            self._last_read = max(self._last_read, total + level * (self._clock() - since))
            return self._last_read
