"""How an execution runs that has the pod to itself: on all CPUs, while that is faster."""

from __future__ import annotations

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.execution.batch_execution import Execution

NEWEST = 0.2
"""Weight of the newest execution in what executions lately took."""
LONGEST = 10.0
"""Times as long as was measured; a stall counts for no more."""
TRY_AGAIN = 50
"""Lone executions after which one runs wide although it was slower lately."""


class LoneExecutions:
    """A wide execution ends with the slowest of its threads: a neighbour on one of the CPUs, which
    costs a narrow one little, makes it wait. Which of the two is faster now is seen from both.

    Used by the threads of all instances, of which one at a time is alone.
    """

    def __init__(self, wide: Backend, wide_cost: CostLine, narrow_cost: CostLine) -> None:
        self._wide = wide
        self._costs = {True: wide_cost, False: narrow_cost}
        self._factors = {True: 1.0, False: 1.0}
        """Taken lately over measured, of wide executions and of narrow ones."""
        self._narrow_since = 0

    def backend(self, rows: int) -> Backend | None:
        """The wide one, where an execution of `rows` rows should run on it."""
        is_slower = self._expected(rows, is_wide=True) >= self._expected(rows, is_wide=False)
        self._narrow_since += 1
        if is_slower and self._narrow_since < TRY_AGAIN:
            return None
        self._narrow_since = 0
        return self._wide

    def learn(self, execution: Execution) -> None:
        """From an execution that was alone from its beginning to its end: one that another joined
        on the same CPUs tells nothing of either kind.
        """
        is_wide, rows = execution.is_wide, execution.rows
        factor = min(execution.seconds / self._costs[is_wide].seconds(rows), LONGEST)
        self._factors[is_wide] += NEWEST * (factor - self._factors[is_wide])
        if is_wide and execution.seconds < self._expected(rows, is_wide=False):
            # A trial that was faster is followed by another, not by 50 narrow executions.
            self._narrow_since = TRY_AGAIN

    def _expected(self, rows: int, *, is_wide: bool) -> float:
        return self._factors[is_wide] * self._costs[is_wide].seconds(rows)
