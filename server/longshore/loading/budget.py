"""The time that learning how to run a model may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BudgetSpent(Exception):
    """What was about to be tried does not fit into what is left."""


class Budget:
    """One for everything that a load tries: samples, proofs, acceleration, measurement. What was
    begun is finished, so an execution may end that much later.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = seconds
        self.has_stopped = False
        """Something was left out for want of time."""
        self._end = clock() + seconds

    def allows(self, seconds: float) -> bool:
        """Whether `seconds` more fit into what is left."""
        fits = self.clock() + seconds < self._end
        self.has_stopped = self.has_stopped or not fits
        return fits

    def demand(self, seconds: float) -> None:
        """Raises `BudgetSpent` unless `seconds` more fit."""
        if not self.allows(seconds):
            raise BudgetSpent(self.exceeded)

    @property
    def exceeded(self) -> str:
        """What is said of something that did not fit."""
        return f"calibration stopped within its budget of {self.seconds:g} s"

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens within this context is no trial (opening the model), and costs nothing."""
        before = self.clock()
        try:
            yield
        finally:
            self._end += self.clock() - before
