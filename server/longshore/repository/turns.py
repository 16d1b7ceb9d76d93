"""Work in turns with pauses, so that requests do not feel it.

A thread that walks thousands of files asks for the interpreter at each of them, and each time the
event loop may wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.2
"""Of one CPU, at most."""
TURN_SECONDS = 0.005


class Turns:
    """Of one thread; without pauses unless it `is_beside_work`."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._is_beside_work = False
        self._begun_at = 0.0

    def begin(self, *, is_beside_work: bool) -> None:
        self._is_beside_work = is_beside_work
        self._begun_at = self._clock()

    def step(self) -> None:
        """A small piece is done: pauses when the turn is over."""
        if not self._is_beside_work:
            return
        worked = self._clock() - self._begun_at
        if worked >= TURN_SECONDS:
            self._sleep(worked * (1 / SHARE - 1))
            self._begun_at = self._clock()
